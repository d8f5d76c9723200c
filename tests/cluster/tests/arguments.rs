//! Every function and aggregate of the extension, called by a user without privileges with random
//! arguments: extreme, null, of other types, short, compressed and out of line, malformed in
//! binary. Each call gives a valid result or an error that says what is wrong with the arguments;
//! no call ends the process, fails inside or keeps memory.
//!
//! The calls are random but the same every time. `PG_HNSW_SEED` makes others, `PG_HNSW_CALLS` more
//! of them.

use std::error::Error as StdError;

use cluster::{Options, Server};
use cluster_tests::longer::setting;
use cluster_tests::processes::private_kb;
use cluster_tests::session;
use postgres::error::SqlState;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type};
use postgres::{Client, Error, SimpleQueryMessage};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Calls of each function.
const CALLS: usize = 60;
/// Values that are sent in binary to each type.
const MESSAGES: usize = 500;
/// What the process may grow by in the second half of the calls.
const GROWTH_KB: i64 = 16 << 10;
/// Types whose results are read back from their text.
const READ_BACK: [&str; 5] = [
    "vector",
    "halfvec",
    "sparsevec",
    "real[]",
    "double precision[]",
];

/// Values of a type that a column can have.
struct Pool {
    name: &'static str,
    values: &'static [&'static str],
}

/// All types of arguments; a function with another one fails the test until it is added here.
const POOLS: [Pool; 19] = [
    Pool {
        name: "vector",
        values: &[
            "'[0]'",
            "'[1,2,3]'",
            "'[0,-0,0]'",
            "'[3.4e38,-3.4e38,3.4e38]'",
            "'[-3.4e38,3.4e38,-3.4e38]'",
            "'[1e-45,-1e-45,1e-38]'",
            "'[65504,-65505,70000]'",
            "array_fill(1.5::real, ARRAY[40])::vector",
            "array_fill(0::real, ARRAY[16000])::vector",
            "array_fill(3e38::real, ARRAY[16000])::vector",
            "ARRAY(SELECT sin(i) FROM generate_series(1, 700) i)::vector",
        ],
    },
    Pool {
        name: "halfvec",
        values: &[
            "'[0]'",
            "'[1,2,3]'",
            "'[65504,-65504,65504]'",
            "'[6e-8,-6e-8,0]'",
            "array_fill(1.5::real, ARRAY[40])::halfvec",
            "array_fill(65504::real, ARRAY[16000])::halfvec",
            "ARRAY(SELECT sin(i) FROM generate_series(1, 1500) i)::halfvec",
        ],
    },
    Pool {
        name: "sparsevec",
        values: &[
            "'{}/1'",
            "'{}/3'",
            "'{}/1000000000'",
            "'{1:1,2:2,3:3}/3'",
            "'{1:3.4e38,3:-3.4e38}/3'",
            "'{2:1e-45}/3'",
            "'{1:1,1000000000:-1}/1000000000'",
            "'{16001:1}/16001'",
            "array_fill(1::real, ARRAY[16000])::sparsevec",
        ],
    },
    Pool {
        name: "bit",
        values: &[
            "B''",
            "B'1'",
            "B'101'",
            "B'000'",
            "repeat('10', 32000)::bit(64000)",
            "repeat('1', 64001)::bit(64001)",
            "repeat('0', 1000003)::bit(1000003)",
        ],
    },
    Pool {
        name: "vector_sphere",
        values: &[
            r#"'("[1,2,3]",1)'"#,
            r#"'("[0]",NaN)'"#,
            r#"'("[1,2,3]",)'"#,
            "'(,1)'",
            "ROW(array_fill(1.5::real, ARRAY[40])::vector, '-Infinity'::float8)",
        ],
    },
    Pool {
        name: "halfvec_sphere",
        values: &[
            r#"'("[1,2,3]",1)'"#,
            r#"'("[0]",NaN)'"#,
            r#"'("[1,2,3]",)'"#,
            "'(,1)'",
            "ROW(array_fill(1.5::real, ARRAY[40])::halfvec, '-Infinity'::float8)",
        ],
    },
    Pool {
        name: "sparsevec_sphere",
        values: &[
            r#"'("{1:1,3:3}/3",1)'"#,
            "'({}/1,NaN)'",
            "'({}/3,)'",
            "'(,1)'",
        ],
    },
    Pool {
        name: "bit_sphere",
        values: &["'(101,1)'", "'(1,NaN)'", "'(000,)'", "'(,1)'"],
    },
    Pool {
        name: "integer",
        values: &[
            "-1",
            "0",
            "1",
            "3",
            "16000",
            "16001",
            "1000000001",
            "2147483647",
            "-2147483648",
        ],
    },
    Pool {
        name: "bigint",
        values: &[
            "0",
            "1",
            "-1",
            "60",
            "9223372036854775807",
            "-9223372036854775808",
        ],
    },
    Pool {
        name: "double precision",
        values: &[
            "0",
            "'-0'",
            "1",
            "-1",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "1e308",
            "-1e308",
            "5e-324",
        ],
    },
    Pool {
        name: "boolean",
        values: &["true", "false"],
    },
    Pool {
        name: "oid",
        values: &["0", "'vector'::regtype", "4294967295"],
    },
    Pool {
        name: "regclass",
        values: &[
            "'open_v_idx'",
            "'open'",
            "'closed_v_idx'",
            "'pg_class'",
            "'pg_class_oid_index'",
            "0",
            "4294967295",
        ],
    },
    Pool {
        name: "integer[]",
        values: &[
            "'{}'",
            "'{1,2,3}'",
            "'{1,NULL,3}'",
            "'{{1,2},{3,4}}'",
            "'[-5:-3]={1,2,3}'",
            "'[2147483640:2147483642]={1,2,3}'",
            "'{2147483647,-2147483648,0}'",
            "array_fill(7, ARRAY[16000])",
            "array_fill(0, ARRAY[16001])",
        ],
    },
    Pool {
        name: "real[]",
        values: &[
            "'{}'",
            "'{1,2,3}'",
            "'{NULL}'",
            "'{{{1}}}'",
            "'{NaN,1,2}'",
            "'{Infinity,-Infinity,0}'",
            "'{3.4e38,-3.4e38,1e-45}'",
            "array_fill(1::real, ARRAY[16000])",
            "array_fill(1::real, ARRAY[100000])",
            "(array_fill(1::real, ARRAY[5]))[2:4]",
        ],
    },
    Pool {
        name: "double precision[]",
        values: &[
            "'{}'",
            "'{0}'",
            "'{0,0,0,0}'",
            "'{1,2,3}'",
            "'{2,1,2,3}'",
            "'{-1,1e308,-1e308,1e308}'",
            "'{NaN,NaN,1,2}'",
            "'{Infinity,1,2,3}'",
            "'{1,NULL}'",
            "'{{1,2},{3,4}}'",
            "'[0:3]={3,1,2,3}'",
            "array_fill(1e308::float8, ARRAY[16001])",
            "array_fill(1::float8, ARRAY[16002])",
        ],
    },
    Pool {
        name: "numeric[]",
        values: &[
            "'{}'",
            "'{1,2,3}'",
            "'{NaN,Infinity,-Infinity}'",
            "'{1e-1000,-1e-1000,0}'",
            "'{NULL,1}'",
            "'{{1},{2}}'",
            "ARRAY[1e1000::numeric]",
            "ARRAY[repeat('9', 3000)::numeric]",
            "array_fill(1.000001::numeric, ARRAY[16000])",
            "array_fill(1::numeric, ARRAY[16001])",
        ],
    },
    Pool {
        name: "cstring[]",
        values: &[
            "'{}'",
            "'{3}'",
            "'{0}'",
            "'{-1}'",
            "'{16000}'",
            "'{1000000001}'",
            "'{3,4}'",
            "'{x}'",
            "'{NULL}'",
            "'{{3}}'",
            "'{99999999999}'",
        ],
    },
];

/// What texts are made of.
const TEXT: &[u8] = b"[[]]{{}}//::,,,0123456789999+--..eE  naifNA\t\nx";

/// A function or an aggregate.
struct Function {
    name: String,
    arguments: Vec<String>,
    result: String,
    is_aggregate: bool,
}

fn functions(client: &mut Client) -> Vec<Function> {
    let query = "
        SELECT p.pronamespace::regnamespace || '.' || quote_ident(proname), prokind = 'a', prorettype::regtype::text,
            ARRAY(SELECT t::regtype::text FROM unnest(proargtypes) WITH ORDINALITY a(t, n) ORDER BY n)
        FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
            JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
        WHERE e.extname = 'pg_hnsw' ORDER BY p.oid::regprocedure::text";
    let rows = client.query(query, &[]).unwrap();
    let function = |row: &postgres::Row| Function {
        name: row.get(0),
        is_aggregate: row.get(1),
        result: row.get(2),
        arguments: row.get(3),
    };
    rows.iter().map(function).collect()
}

fn pool(type_name: &str) -> Option<&'static Pool> {
    POOLS.iter().find(|pool| pool.name == type_name)
}

/// Whether values of a type can be in a table.
fn is_stored(pool: &Pool) -> bool {
    pool.name != "cstring[]"
}

fn table(type_name: &str) -> String {
    format!("\"values of {type_name}\"")
}

/// Indexes of tables that a user without privileges may read, and may not; and all values in
/// tables: small ones with short headers, large ones out of line, in one column compressed.
fn store(client: &mut Client) {
    client
        .batch_execute(
            "CREATE TABLE open (v vector(3)); CREATE TABLE closed (v vector(3));
             INSERT INTO open VALUES ('[1,2,3]'); INSERT INTO closed VALUES ('[1,2,3]');
             GRANT SELECT ON open TO PUBLIC;
             CREATE INDEX ON open USING hnsw (v vector_l2_ops);
             CREATE INDEX ON closed USING hnsw (v vector_l2_ops)",
        )
        .unwrap();
    for pool in POOLS.iter().filter(|pool| is_stored(pool)) {
        let (name, table) = (pool.name, table(pool.name));
        let column = unbounded(name);
        let create = format!(
            "CREATE TABLE {table} (n serial, a {column}, b {column}); \
             GRANT SELECT ON {table} TO PUBLIC"
        );
        client.batch_execute(&create).unwrap();
        let compressed = format!("ALTER TABLE {table} ALTER b SET STORAGE EXTENDED");
        if let Err(error) = client.batch_execute(&compressed) {
            // The type is of fixed length.
            assert_eq!(error.code(), Some(&SqlState::FEATURE_NOT_SUPPORTED));
        }
        for value in pool.values {
            let value = format!("({value})::{}", unbounded(name));
            let insert = format!("INSERT INTO {table} (a, b) VALUES ({value}, {value})");
            client.batch_execute(&insert).unwrap();
        }
    }
}

/// A type that takes any value of this one; the length of `bit` is 1 where none is given.
fn unbounded(type_name: &str) -> &str {
    match type_name {
        "bit" => "varbit",
        name => name,
    }
}

struct Generator {
    rng: ChaCha8Rng,
}

impl Generator {
    fn text(&mut self) -> String {
        let length = self.rng.random_range(0..30);
        let bytes = (0..length).map(|_| *TEXT.choose(&mut self.rng).unwrap());
        let text: String = bytes.map(char::from).collect();
        format!("'{text}'")
    }

    /// An argument of a type; now and then null, or of another type.
    fn argument(&mut self, type_name: &str) -> String {
        match self.rng.random_range(0..40) {
            0 => return format!("NULL::{type_name}"),
            1 => return "NULL".into(),
            2 => return self.text(),
            3 => {
                let other = POOLS.choose(&mut self.rng).unwrap();
                return self.value(other);
            }
            _ => {}
        }
        match (type_name, pool(type_name)) {
            (_, Some(pool)) => self.value(pool),
            ("cstring", _) => format!("{}::cstring", self.cstring()),
            // SQL has no values of this type but null.
            ("internal", _) => "NULL".into(),
            _ => panic!("no values of type {type_name}"),
        }
    }

    /// A text that some type may accept.
    fn cstring(&mut self) -> String {
        let texts = POOLS.iter().flat_map(|pool| pool.values);
        let texts: Vec<_> = texts.filter(|value| value.starts_with('\'')).collect();
        match self.rng.random_range(0..3) {
            0 => self.text(),
            _ => texts
                .choose(&mut self.rng)
                .map(ToString::to_string)
                .unwrap(),
        }
    }

    fn value(&mut self, pool: &Pool) -> String {
        let n = self.rng.random_range(0..pool.values.len());
        match self.rng.random_range(0..3) {
            0 => format!("({})::{}", pool.values[n], unbounded(pool.name)),
            _ if !is_stored(pool) => format!("({})::{}", pool.values[n], pool.name),
            column => {
                let column = ["a", "b"][column - 1];
                format!(
                    "(SELECT {column} FROM {} WHERE n = {})",
                    table(pool.name),
                    n + 1
                )
            }
        }
    }

    fn call(&mut self, function: &Function) -> String {
        let name = &function.name;
        if function.is_aggregate {
            let rows: Vec<String> = (0..self.rng.random_range(0..4))
                .map(|_| self.argument(&function.arguments[0]))
                .collect();
            let rows = rows.join(", ");
            return format!(
                "(SELECT {name}(v) FROM unnest(ARRAY[{rows}]::{}[]) v)",
                function.arguments[0]
            );
        }
        let mut arguments: Vec<String> = function
            .arguments
            .iter()
            .map(|name| self.argument(name))
            .collect();
        if self.rng.random_range(0..50) == 0 {
            arguments.pop();
        }
        format!("{name}({})", arguments.join(", "))
    }
}

/// The value of a query of one row and one column.
fn single(client: &mut Client, query: &str) -> Result<Option<String>, Error> {
    let messages = client.simple_query(query)?;
    let value = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
        _ => None,
    });
    Ok(value.flatten())
}

/// Fails unless an error is one of the arguments' own.
#[track_caller]
fn assert_refused(what: &str, error: &Error) {
    let code = error.code().map_or("none", |code| code.code());
    if code == "XX000"
        && error
            .as_db_error()
            .is_some_and(|e| e.message().contains("expected state array"))
    {
        // Steps of avg that are called by hand; the SQLSTATE is pgvector's.
        return;
    }
    // 0A: no value of type internal. 22: data. 42: no such function. 54: limits. 08: a binary value.
    let expected = ["0A", "22", "42", "54", "08"];
    assert!(
        expected.iter().any(|class| code.starts_with(class)),
        "{what}: {code} {error:?}"
    );
}

fn generator() -> Generator {
    Generator {
        rng: ChaCha8Rng::seed_from_u64(setting("PG_HNSW_SEED", 1) as u64),
    }
}

/// Becomes a user who may do nothing but use what is public.
fn without_privileges(client: &mut Client) -> i32 {
    client
        .batch_execute("CREATE ROLE visitor; SET ROLE visitor")
        .unwrap();
    client
        .query_one("SELECT pg_backend_pid()", &[])
        .unwrap()
        .get(0)
}

#[test]
fn of_every_function() {
    let server = Server::start(&Options::new()).unwrap();
    let mut client = session(&server, "arguments").unwrap();
    store(&mut client);
    let pid = without_privileges(&mut client);
    let functions = functions(&mut client);
    assert!(functions.len() > 100, "only {} functions", functions.len());
    let mut generator = generator();
    let mut resident = [0; 2];
    let mut answered = vec![0; functions.len()];
    for resident in &mut resident {
        for (function, answered) in functions.iter().zip(&mut answered) {
            for _ in 0..setting("PG_HNSW_CALLS", CALLS) / 2 {
                let call = generator.call(function);
                match single(&mut client, &format!("SELECT {call}")) {
                    Err(error) => assert_refused(&call, &error),
                    Ok(value) => {
                        *answered += 1;
                        if value.is_some() && READ_BACK.contains(&&*function.result) {
                            read_back(&mut client, &call);
                        }
                    }
                }
            }
        }
        *resident = private_kb(pid);
    }
    for (function, answered) in functions.iter().zip(answered) {
        let callable = !function.arguments.iter().any(|name| name == "internal");
        assert!(
            answered > 0 || !callable,
            "{} was never answered",
            function.name
        );
    }
    println!("resident memory: {resident:?} kB");
    assert!(resident[1] - resident[0] < GROWTH_KB, "{resident:?} kB");
    let still: i32 = client
        .query_one("SELECT pg_backend_pid()", &[])
        .unwrap()
        .get(0);
    assert_eq!(still, pid);
    assert_eq!(server.crash_reports(), [""; 0]);
}

/// A result of one of the extension's types must be one that the type's input accepts. Arguments of
/// another type may have called another function of this name.
fn read_back(client: &mut Client, call: &str) {
    let result = format!("(SELECT {call} AS r OFFSET 0) x");
    let mut ask = |what: &str| {
        single(client, &format!("SELECT {what} FROM {result}"))
            .unwrap_or_else(|error| panic!("result of {call}: {error:?}"))
    };
    let name = ask("pg_typeof(r)").unwrap_or_default();
    let same = ask(&format!("r::text::{name} = r"));
    assert_eq!(same.as_deref(), Some("t"), "result of {call}");
}

/// Bytes sent as they are.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl ToSql for Raw {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

#[test]
fn in_binary() {
    let server = Server::start(&Options::new()).unwrap();
    let mut client = session(&server, "binary").unwrap();
    let pid = without_privileges(&mut client);
    let Generator { mut rng } = generator();
    for (name, send) in [
        ("vector", "vector_send"),
        ("halfvec", "halfvec_send"),
        ("sparsevec", "sparsevec_send"),
    ] {
        for modifier in ["", "(3)"] {
            let values: Vec<Vec<u8>> = pool(name)
                .unwrap()
                .values
                .iter()
                .map(|value| {
                    client
                        .query_one(&format!("SELECT {send}(({value})::{name})"), &[])
                        .unwrap()
                        .get(0)
                })
                .collect();
            let cast = format!("SELECT $1::{name}::{name}{modifier}::text");
            let statement = client.prepare(&cast).unwrap();
            let mut accepted = 0;
            for _ in 0..MESSAGES {
                let mut bytes = values.choose(&mut rng).unwrap().clone();
                for _ in 0..rng.random_range(0..3) {
                    let at = rng.random_range(0..bytes.len().min(24));
                    bytes[at] = *[0, 1, 0x7f, 0x80, 0xff, rng.random()]
                        .choose(&mut rng)
                        .unwrap();
                }
                if rng.random_range(0..4) == 0 {
                    bytes.resize(rng.random_range(0..bytes.len() + 8), 0);
                }
                match client.query_one(&statement, &[&Raw(bytes.clone())]) {
                    Err(error) => assert_refused(
                        &format!("{name} {:?}", &bytes[..bytes.len().min(32)]),
                        &error,
                    ),
                    Ok(row) => {
                        accepted += 1;
                        let text: String = row.get(0);
                        let query = format!("SELECT '{text}'::{name}::text");
                        assert_eq!(single(&mut client, &query).unwrap(), Some(text));
                    }
                }
            }
            assert!(
                (1..MESSAGES).contains(&accepted),
                "{accepted} of {MESSAGES} {name}s"
            );
        }
    }
    let still: i32 = client
        .query_one("SELECT pg_backend_pid()", &[])
        .unwrap()
        .get(0);
    assert_eq!(still, pid);
    assert_eq!(server.crash_reports(), [""; 0]);
}
