//! Columns of every type that a key column can have.
//!
//! A value is an SQL expression over `n` and `h(n, salt)`, a random number for each `n` and salt.

/// How the values of a column can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// As btree does.
    Order,
    /// As sets.
    Array,
}

/// A key column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its definition: name, type, collation.
    pub definition: &'static str,
    /// Its value in row `n`.
    pub value: &'static str,
    /// How values can be compared.
    pub conditions: Conditions,
    /// Types of constants, the first being that of the column, and constants that may not occur.
    pub constants: &'static [(&'static str, &'static [&'static str])],
}

impl Column {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.definition.split(' ').next().unwrap_or_default()
    }
}

macro_rules! columns {
    ($($definition:literal, $value:literal, $conditions:ident, [$($ty:literal: $constants:expr),+];)+) => {
        &[$(Column {
            definition: $definition,
            value: $value,
            conditions: Conditions::$conditions,
            constants: &[$(($ty, &$constants)),+],
        }),+]
    };
}

/// Numbers, also compared across types.
pub const NUMBERS: &[Column] = columns! {
    "b boolean", "h(n, 1) % 3 = 0", Order, ["boolean": ["true", "false"]];
    "i2 int2", "h(n, 2) % 200 - 100", Order,
        ["int2": ["-32768", "32767"], "int4": ["50", "-70000"], "int8": ["-20", "9000000000"]];
    "i4 int4", "CASE h(n, 3) % 300 WHEN 0 THEN 2147483647 WHEN 1 THEN -2147483648 ELSE h(n, 4) % 100 * (h(n, 5) % 10) END", Order,
        ["int4": ["-2147483648", "2147483647", "-1"], "int2": ["32", "400"], "int8": ["81", "450", "2147483648", "-9223372036854775808"]];
    "i8 int8", "(h(n, 6) % 50) * 1000000000000000 + h(n, 7) % 3", Order,
        ["int8": ["9223372036854775807", "-9223372036854775808", "1"], "int2": ["2"], "int4": ["1", "2147483647"]];
    "o oid", "CASE h(n, 8) % 100 WHEN 0 THEN 4294967295 ELSE h(n, 9) % 300 END::int8::oid", Order, ["oid": ["0", "4294967295", "5000"]];
    "f4 float4", "CASE h(n, 10) % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN '-0' ELSE h(n, 11) % 500 / 7.0 END", Order,
        ["float4": ["NaN", "Infinity", "-Infinity", "0"], "float8": ["NaN", "Infinity", "-Infinity", "0.14285714285714285", "1e300"]];
    // Goes with the vectors: rows that match lie together, perhaps far from the query.
    "f8 float8", "CASE h(n, 12) % 100 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-1e308' ELSE (SELECT (v::real[])[1]::float8 FROM source WHERE id = n) END", Order,
        ["float8": ["NaN", "Infinity", "-Infinity", "0", "0.5"], "float4": ["NaN", "0.1", "-Infinity", "-0.3"]];
    "num numeric", "CASE h(n, 13) % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN ('1.' || repeat('3', 60) || h(n, 14) % 5)::numeric ELSE round(h(n, 15) % 400 / 3.0, 2) END", Order,
        ["numeric": ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1.3333333333333333333333333333333333333333333333333333333333333", "12.340"]];
};

/// Texts, also too long ones for the index; what else has hashes.
pub const TEXTS: &[Column] = columns! {
    "t text", "CASE h(n, 21) % 20 WHEN 0 THEN '' WHEN 1 THEN repeat('long ', 20) || h(n, 22) % 5 WHEN 2 THEN repeat('x', 35 + h(n, 23) % 8) \
        WHEN 3 THEN repeat(md5((h(n, 24) % 3)::text), 200) ELSE 'word ' || h(n, 25) % 100 END", Order,
        ["text": ["", "word", "word 7", "long long", "zzz"], "varchar": ["word 3"]];
    "folded text COLLATE nocase", "CASE WHEN h(n, 26) % 2 = 0 THEN 'Name ' ELSE 'nAME ' END || h(n, 27) % 20", Order, ["text": ["name 1", "NAME 12", "NAME"]];
    "vc varchar(30)", "'v' || h(n, 28) % 30", Order, ["varchar": ["", "v1", "none"], "text": ["v2"]];
    "bp char(8)", "'c' || h(n, 29) % 40", Order, ["bpchar": ["c1", "c1   ", ""]];
    "u uuid", "md5((h(n, 30) % 60)::text)::uuid", Order, ["uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]];
    "e mood", "(enum_range(NULL::mood))[1 + h(n, 31) % 5]", Order, ["mood": ["unheard of", "fair"]];
    "ip inet", "CASE h(n, 32) % 10 WHEN 0 THEN ('fe80::' || h(n, 33) % 9)::inet ELSE ('10.' || h(n, 34) % 3 || '.0.' || h(n, 35) % 20 || CASE h(n, 36) % 3 WHEN 0 THEN '/24' ELSE '' END)::inet END", Order,
        ["inet": ["10.1.0.0/24", "::1", "0.0.0.0/0"]];
    "d score", "h(n, 37) % 100", Order, ["int4": ["-5", "50", "1000"], "int8": ["7", "99999999999"]];
};

/// Times and arrays.
pub const TIMES: &[Column] = columns! {
    "da date", "CASE h(n, 41) % 50 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE date '2020-01-01' + h(n, 42) % 300 END", Order,
        ["date": ["infinity", "-infinity", "1900-01-01"], "timestamp": ["2020-03-01", "2020-03-01 12:00", "infinity"],
         "timestamptz": ["2020-05-01 00:00+00", "2020-05-01 00:00+10", "-infinity"]];
    "ti time", "time '00:00' + h(n, 43) % 1440 * interval '1 minute'", Order, ["time": ["24:00", "00:00", "12:00:00.5"]];
    "ts timestamp", "CASE h(n, 44) % 50 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE timestamp '2020-01-01' + h(n, 45) % 500 * interval '12 hours' END", Order,
        ["timestamp": ["infinity", "-infinity", "2020-02-02 02:02:02.000001"], "date": ["2020-02-02", "infinity"], "timestamptz": ["2020-03-03 00:00+03"]];
    "tz timestamptz", "CASE h(n, 46) % 50 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE timestamptz '2020-01-01 00:00+00' + h(n, 47) % 500 * interval '7 hours' END", Order,
        ["timestamptz": ["infinity", "-infinity", "2020-02-02 00:00+00"], "date": ["2020-02-02", "-infinity"], "timestamp": ["2020-03-03 07:00"]];
    "ia int[]", "CASE h(n, 48) % 20 WHEN 0 THEN '{}' WHEN 1 THEN ARRAY[h(n, 49) % 30, NULL] WHEN 2 THEN (SELECT array_agg((h(n, 50) + i) % 40) FROM generate_series(1, 25) i) \
        ELSE ARRAY[h(n, 51) % 30, h(n, 52) % 30, h(n, 53) % 7] END", Array,
        ["int[]": ["{}", "{3}", "{NULL}", "{3,NULL}", "{999}", "{1,2}", "{4,5,6,7,8,9,10}"]];
    "ta text[]", "CASE h(n, 54) % 20 WHEN 0 THEN '{}' WHEN 1 THEN ARRAY[repeat('tag', 30), 'tag 1'] ELSE ARRAY['tag ' || h(n, 55) % 20, 'tag ' || h(n, 56) % 20] END", Array,
        ["text[]": ["{}", "{tag 3}", "{none}", "{tag 1,tag 2,tag 3}", "{NULL}", "{{tag 4},{tag 5}}"]];
};

/// One column of each kind of sketch.
pub const FEW_COLUMNS: &[Column] = columns! {
    "i4 int4", "h(n, 61) % 50", Order, ["int4": ["-1", "25", "100"], "int8": ["10"]];
    "t text", "'word ' || h(n, 62) % 20", Order, ["text": ["word 1", "word 10", "none"]];
    "ia int[]", "ARRAY[h(n, 63) % 9, h(n, 64) % 9]", Array, ["int[]": ["{1}", "{2,3}", "{}"]];
};
