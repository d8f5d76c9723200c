//! What the catalogues say of the extension is what they say of pgvector, but for the differences
//! in `expected/catalogue.txt`; under the name `pg_hnsw`, and those in `catalogue_pg_hnsw.txt`.
//!
//! Needs a server with pgvector; without one the test passes with a message.

use std::collections::BTreeSet;

use cluster::{Installation, Options, Server};
use cluster_tests::alias::{self, Copied};
use postgres::Client;
use testdata::sql;

/// What differs under both names, and under the name `pg_hnsw` alone.
const EXPECTED: &str = include_str!("../expected/catalogue.txt");
const EXPECTED_PG_HNSW: &str = include_str!("../expected/catalogue_pg_hnsw.txt");

/// A line for each setting, of a session that has loaded the library.
const SETTINGS: &str = "
SELECT format('setting %s: %s, context %s, from %s to %s of %s, default %s', name, vartype, context, min_val, max_val, enumvals,
    boot_val)
FROM pg_settings WHERE name LIKE 'hnsw.%' OR name LIKE 'ivfflat.%'";

/// A line for each object of the extension `$1`, with all that matters to those who use it.
const OBJECTS: &str = "
WITH members AS (
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = $1
)
SELECT format('type %s: %s %s %s %s %s %s %s, length %s, by value %s, align %s, storage %s, category %s, preferred %s, subscript %s, element %s, collation %s',
    t.oid::regtype, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typlen, typbyval, typalign,
    typstorage, typcategory, typispreferred, typsubscript, typelem::regtype, typcollation)
FROM members JOIN pg_type t ON classid = 'pg_type'::regclass AND objid = t.oid
-- Arrays of composite types are members of their own from PostgreSQL 18 on.
WHERE NOT EXISTS (SELECT FROM pg_type element WHERE element.oid = t.typelem AND element.typtype = 'c')
UNION ALL
SELECT format('%s %s -> %s: volatility %s, strict %s, parallel %s, leakproof %s, set %s, language %s, cost %s, variadic %s, defaults %s, support %s',
    CASE prokind WHEN 'a' THEN 'aggregate' ELSE 'function' END, p.oid::regprocedure, prorettype::regtype, provolatile,
    proisstrict, proparallel, proleakproof, proretset, lanname, procost, provariadic::regtype, pronargdefaults, prosupport)
FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid JOIN pg_language l ON l.oid = prolang
UNION ALL
SELECT format('state of %s: %s of %s from %s, combined by %s, result by %s, moving by %s, kind %s, modifies %s, serialised by %s, sorted by %s',
    aggfnoid::regprocedure, aggtransfn, aggtranstype::regtype, agginitval, aggcombinefn, aggfinalfn, aggmtransfn, aggkind,
    aggfinalmodify, aggserialfn, aggsortop::regoperator)
FROM members JOIN pg_aggregate ON classid = 'pg_proc'::regclass AND objid = aggfnoid
UNION ALL
SELECT format('operator %s -> %s: %s, commutator %s, negator %s, restrict %s, join %s, merges %s, hashes %s',
    o.oid::regoperator, oprresult::regtype, oprcode::regprocedure, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin,
    oprcanmerge, oprcanhash)
FROM members JOIN pg_operator o ON classid = 'pg_operator'::regclass AND objid = o.oid
UNION ALL
SELECT format('cast %s -> %s: %s, context %s, method %s', castsource::regtype, casttarget::regtype, castfunc::regprocedure,
    castcontext, castmethod)
FROM members JOIN pg_cast c ON classid = 'pg_cast'::regclass AND objid = c.oid
UNION ALL
SELECT format('access method %s: type %s, handler %s', amname, amtype, amhandler)
FROM members JOIN pg_am a ON classid = 'pg_am'::regclass AND objid = a.oid
UNION ALL
SELECT format('class %s of %s: for %s, default %s, storage %s, family %s', opcname, amname, opcintype::regtype, opcdefault,
    opckeytype::regtype, opfname)
FROM members JOIN pg_opclass c ON classid = 'pg_opclass'::regclass AND objid = c.oid
    JOIN pg_opfamily f ON f.oid = opcfamily JOIN pg_am a ON a.oid = opcmethod
UNION ALL
SELECT format('family %s of %s: operator %s %s, purpose %s, order %s', f.opfname, amname, amopstrategy, amopopr::regoperator,
    amoppurpose, s.opfname)
FROM members JOIN pg_opfamily f ON classid = 'pg_opfamily'::regclass AND objid = f.oid JOIN pg_am a ON a.oid = opfmethod
    JOIN pg_amop ON amopfamily = f.oid LEFT JOIN pg_opfamily s ON s.oid = amopsortfamily
UNION ALL
SELECT format('family %s of %s: function %s %s, of %s %s', opfname, amname, amprocnum, amproc::regprocedure,
    amproclefttype::regtype, amprocrighttype::regtype)
FROM members JOIN pg_opfamily f ON classid = 'pg_opfamily'::regclass AND objid = f.oid JOIN pg_am a ON a.oid = opfmethod
    JOIN pg_amproc ON amprocfamily = f.oid
UNION ALL
SELECT format('other %s', pg_describe_object(classid, objid, 0))
FROM members WHERE classid NOT IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_cast'::regclass,
    'pg_am'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass)";

fn objects(client: &mut Client, extension: &str) -> BTreeSet<String> {
    client.batch_execute("SELECT '[1]'::vector").unwrap();
    let mut lines = client.query(OBJECTS, &[&extension]).unwrap();
    lines.extend(client.query(SETTINGS, &[]).unwrap());
    lines.iter().map(|line| line.get(0)).collect()
}

/// A database with this extension alone.
fn database(server: &Server, name: &str, extension: &str) -> Client {
    let mut client = server.create_database(name).unwrap();
    let create = format!("CREATE EXTENSION {extension}");
    client.batch_execute(&create).unwrap();
    client
}

/// Lines of differences, from a list of them.
fn listed(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn compare(theirs: &BTreeSet<String>, ours: &BTreeSet<String>, expected: &BTreeSet<String>) {
    let lacking = theirs.difference(ours).map(|line| format!("- {line}"));
    let added = ours.difference(theirs).map(|line| format!("+ {line}"));
    let found: BTreeSet<String> = lacking.chain(added).collect();
    let new: Vec<&String> = found.difference(expected).collect();
    let gone: Vec<&String> = expected.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "differences from pgvector (- it has, + we have) that are not expected: {new:#?}\n\
         expected ones that are not there: {gone:#?}"
    );
}

#[test]
fn catalogues_are_those_of_pgvector() {
    let original = Installation::from_env().unwrap();
    if !original.has_pgvector() {
        println!("skipped: no pgvector in this PostgreSQL");
        return;
    }
    let server = Server::start(&Options::new()).unwrap();
    let mut peers = alias::database(&server, "theirs", "$libdir/vector").unwrap();
    let theirs = objects(&mut peers, "vector");
    assert!(
        theirs.len() > 250,
        "only {} objects of pgvector",
        theirs.len()
    );
    let always = listed(EXPECTED);

    let copied = Copied::with_alias(&original).unwrap();
    let aliased = Server::start_with(&copied.installation, &Options::new()).unwrap();
    let mut client = alias::database(&aliased, "alias", "$libdir/pg_hnsw").unwrap();
    compare(&theirs, &objects(&mut client, "vector"), &always);

    let extension = sql::extension();
    let ours = objects(&mut database(&server, "ours", &extension), &extension);
    let mut expected = listed(EXPECTED_PG_HNSW);
    // Where there is no ivfflat, nothing is added to it.
    let not_ivfflat = |line: &String| !line.contains(" of ivfflat: ");
    expected.extend(always.into_iter().filter(not_ivfflat));
    compare(&theirs, &ours, &expected);
}
