//! The scripts of the extension run as a superuser, in a schema where others may have put
//! operators and functions before. None of these may be called.

use cluster::{Installation, Options, Server};
use cluster_tests::alias::Copied;
use postgres::Client;
use postgres::error::SqlState;

/// A schema with operators between all types that the scripts
/// compare, and functions with the names and arguments of those that they call. Each fails when it
/// is called.
const TRAP: &str = r#"
CREATE SCHEMA trap;
DO $$
DECLARE
    types text[] := ARRAY['oid', 'regclass', 'regtype', 'regproc', 'name', 'text', '"char"', 'int4', 'int2', 'oidvector',
        'name[]', 'text[]', 'bytea', 'anyelement'];
    body text := ' LANGUAGE plpgsql AS ''BEGIN RAISE feature_not_supported USING MESSAGE = $m$trapped$m$; END''';
    l text;
    r text;
    operator text;
BEGIN
    FOREACH l IN ARRAY types LOOP
        FOREACH r IN ARRAY types LOOP
            EXECUTE format('CREATE FUNCTION trap.compare(%s, %s) RETURNS bool %s', l, r, body);
            EXECUTE format('CREATE FUNCTION trap.concatenate(%s, %s) RETURNS text %s', l, r, body);
            FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '>', '~', '~~'] LOOP
                EXECUTE format('CREATE OPERATOR trap.%s (FUNCTION = trap.compare, LEFTARG = %s, RIGHTARG = %s)', operator, l, r);
            END LOOP;
            EXECUTE format('CREATE OPERATOR trap.|| (FUNCTION = trap.concatenate, LEFTARG = %s, RIGHTARG = %s)', l, r);
        END LOOP;
        EXECUTE format('CREATE FUNCTION trap.pg_is_other_temp_schema(%s) RETURNS bool %s', l, body);
        EXECUTE format('CREATE FUNCTION trap.pg_get_functiondef(%s) RETURNS text %s', l, body);
        EXECUTE format('CREATE FUNCTION trap.format(text, %s) RETURNS text %s', l, body);
        EXECUTE format('CREATE FUNCTION trap.format(text, text, %s) RETURNS text %s', l, body);
        EXECUTE format('CREATE FUNCTION trap.concat(%s, text) RETURNS text %s', l, body);
        EXECUTE format('CREATE FUNCTION trap.regexp_replace(text, text, %s) RETURNS text %s', l, body);
    END LOOP;
END
$$"#;

fn trapped(server: &Server, database: &str) -> Client {
    let mut client = server.create_database(database).unwrap();
    client.batch_execute(TRAP).unwrap();
    client
}

#[test]
fn of_pg_hnsw() {
    let server = Server::start(&Options::new()).unwrap();
    let mut client = trapped(&server, "plain");
    let create = "CREATE EXTENSION pg_hnsw SCHEMA trap";
    client.batch_execute(create).unwrap();
}

/// Nor is an object of others taken for one of the extension.
#[test]
fn no_object_of_others() {
    let server = Server::start(&Options::new()).unwrap();
    let mut client = server.create_database("planted").unwrap();
    client
        .batch_execute(
            "CREATE TYPE bit_sphere AS (centre bit, radius float8);
             CREATE FUNCTION planted(bit, bit_sphere) RETURNS bool LANGUAGE sql RETURN true;
             CREATE OPERATOR <<~>> (LEFTARG = bit, RIGHTARG = bit_sphere, FUNCTION = planted)",
        )
        .unwrap();
    let create = "CREATE EXTENSION pg_hnsw";
    let error = client.batch_execute(create).unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::DUPLICATE_OBJECT), "{error:?}");
    let remove =
        "DROP OPERATOR <<~>> (bit, bit_sphere); DROP FUNCTION planted; DROP TYPE bit_sphere";
    client.batch_execute(remove).unwrap();
    client.batch_execute(create).unwrap();
}

#[test]
fn of_vector() {
    let copied = Copied::with_alias(&Installation::from_env().unwrap()).unwrap();
    // A version with what pgvector has, and nothing more.
    let directory = copied.installation.extension_dir();
    let script = std::fs::read_to_string(directory.join("vector--0.8.6.sql")).unwrap();
    let (theirs, _) = script.split_once("-- Beyond pgvector").unwrap();
    std::fs::write(directory.join("vector--0.8.5.sql"), theirs).unwrap();
    let server = Server::start_with(&copied.installation, &Options::new()).unwrap();
    let mut client = trapped(&server, "alias");
    // From a catalogue that is pgvector's, and has an index to rebuild.
    client
        .batch_execute(
            "CREATE EXTENSION vector SCHEMA trap VERSION '0.8.5';
             CREATE SCHEMA others;
             SET search_path = trap;
             CREATE OPERATOR CLASS others.vector_l2_ops FOR TYPE vector USING hnsw AS
                 OPERATOR 1 <-> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
                 FUNCTION 1 vector_l2_squared_distance(vector, vector);
             CREATE OPERATOR CLASS others.interval_ops DEFAULT FOR TYPE interval USING hnsw AS
                 OPERATOR 2 pg_catalog.<=;
             RESET search_path;
             CREATE TABLE items (v trap.vector(2));
             CREATE INDEX ON items USING hnsw (v trap.vector_l2_ops);
             ALTER EXTENSION vector UPDATE TO 'pg_hnsw';
             ALTER EXTENSION vector UPDATE TO '0.8.6'",
        )
        .unwrap();
    // Back: pgvector's library is not there, which is found out behind all that is looked up.
    let back = "ALTER EXTENSION vector UPDATE TO 'pgvector'";
    let error = client.batch_execute(back).unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::UNDEFINED_FILE), "{error:?}");
}
