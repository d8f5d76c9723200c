//! The library loaded before it is needed, and beside others that hook into the same places.

use cluster::{Options, Server};
use cluster_tests::{check, session};
use testdata::{Metric, Synth, sql};

const DIM: usize = 32;
const ROWS: usize = 3000;

#[test]
fn before_or_after_others() {
    for libraries in ["pg_hnsw", "pg_hnsw,auto_explain", "auto_explain,pg_hnsw"] {
        for setting in ["shared_preload_libraries", "session_preload_libraries"] {
            let options = Options::new()
                .set(setting, libraries)
                .set("auto_explain.log_min_duration", "0")
                .set("auto_explain.log_analyze", "on");
            let server = Server::start(&options).unwrap();
            let mut client = session(&server, "preloaded").unwrap();
            let synth = Synth::new(DIM, 61);
            sql::create_table(&mut client, "items", &synth.base(ROWS)).unwrap();
            client
                .batch_execute("SET max_parallel_maintenance_workers = 2")
                .unwrap();
            sql::create_index(&mut client, "items", Metric::L2, "").unwrap();
            check::sound(&mut client, "items", Metric::L2, &synth.queries(20)).unwrap();
            let explained = server.log().contains("Index Scan using items_v_idx");
            assert_eq!(explained, libraries.contains("auto_explain"), "{libraries}");
            assert_eq!(server.crash_reports(), [""; 0]);
        }
    }
}
