//! Time of each kernel of each instruction set of this CPU, per call.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use distance::rank::Ranking;
use distance::{all_kernels, fastscan};
use std::hint::black_box as bb;
use std::time::Duration;

fn values(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| (i * 7919 % 2003) as f32 / 1001.5 - 1.0)
        .collect()
}

fn kernels(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel");
    group.warm_up_time(Duration::from_millis(100));
    group.measurement_time(Duration::from_millis(300));
    group.sample_size(20);
    for k in all_kernels() {
        let mut bench = |kernel: &str, n: usize, f: &mut dyn FnMut()| {
            let id = BenchmarkId::new(format!("{kernel}/{n}"), k.name);
            group.bench_function(id, |b| b.iter(&mut *f));
        };
        for n in [128, 384, 768, 1536] {
            let (a, b) = (values(n + 1)[1..].to_vec(), values(n));
            let mut half = vec![0; n];
            (k.encode_f16)(&b, 1.0, &mut half);
            let (mut code, mut other) = (vec![0; n], vec![0; n]);
            (k.encode_i8)(&b, 127.0, &mut code);
            (k.encode_i8)(&a, 127.0, &mut other);
            let mut out = vec![0.0; n];
            let dc = n.min(1024);
            let mut bits = vec![0; dc / 8];
            bench("l2_squared", n, &mut || {
                bb((k.l2_squared)(bb(&a), bb(&b)));
            });
            bench("cosine_parts", n, &mut || {
                bb((k.cosine_parts)(bb(&a), bb(&b)));
            });
            bench("l2_squared_f16", n, &mut || {
                bb((k.l2_squared_f16)(bb(&a), bb(&half), 1.5));
            });
            bench("l2_squared_halves", n, &mut || {
                bb((k.l2_squared_halves)(bb(&half), bb(&half)));
            });
            bench("l2_squared_i8", n, &mut || {
                bb((k.l2_squared_i8)(bb(&a), bb(&code), 0.01));
            });
            bench("dot_i8", n, &mut || {
                bb((k.dot_i8)(bb(&code), bb(&other)));
            });
            let (codes, mut products) = (code.repeat(64), vec![0; 64 * 64]);
            bench("products_i8 64 x 64", n, &mut || {
                (k.products_i8)(bb(&codes), bb(&codes), n, bb(&mut products));
            });
            bench("decode_f16", n, &mut || {
                (k.decode_f16)(bb(&half), 1.5, bb(&mut out))
            });
            bench("edge_code", n, &mut || {
                bb((k.edge_code)(bb(&a), bb(&b), dc, bb(&mut bits)));
            });
        }
        for bytes in [16, 96, 192, 1024] {
            let (a, b) = (vec![0x5a; bytes], vec![0x33; bytes]);
            bench("hamming", bytes * 8, &mut || {
                bb((k.hamming)(bb(&a), bb(&b)));
            });
            bench("jaccard_parts", bytes * 8, &mut || {
                bb((k.jaccard_parts)(bb(&a), bb(&b)));
            });
            let (codes, mut counts) = (vec![0x5a; bytes * 32], [0; 32]);
            bench("hamming_lanes", bytes * 8, &mut || {
                (k.hamming_lanes)(bb(&codes), bb(&b), bb(&mut counts));
            });
        }
        for n in [256, 512, 1024, 2048] {
            // Zeros, so that repeated transforms stay finite.
            let mut x = vec![0.0; n];
            bench("hadamard", n, &mut || (k.hadamard)(bb(&mut x)));
        }
        let (products, scales) = (vec![5; 512], values(512));
        let ranking = Ranking::up_to(10.0);
        let mut own = vec![0; 512];
        bench("ranks", 512, &mut || {
            (k.ranks)(
                bb(&products),
                &scales,
                &scales,
                bb((2.0, -2.0)),
                ranking,
                &mut own,
            );
        });
        let mut out = vec![0.0; 512];
        bench("distances", 512, &mut || {
            (k.distances)(bb(&products), &scales, &scales, bb((2.0, -2.0)), &mut out);
        });
        let other = own.clone();
        bench("cull", 512, &mut || {
            bb((k.cull)(bb(&mut own), bb(&other)));
        });
        let codes: Vec<u16> = (0..2040).map(|i| i * 101).collect();
        let mut places = Vec::new();
        bench("within", codes.len(), &mut || {
            places.clear();
            (k.within)(bb(&codes), (9, 10), u16::MAX, bb(&mut places));
        });
        for dc in [128, 384, 768, 1024] {
            let mut tables = vec![0; dc * 4];
            let q = values(dc);
            bench("tables", dc, &mut || {
                bb((k.tables)(bb(&q), bb(&mut tables)));
            });
            let codes: Vec<u8> = (0..dc * 4).map(|i| (i * 101 % 251) as u8).collect();
            let mut out = [0; fastscan::BLOCK];
            bench("fastscan", dc, &mut || {
                (k.fastscan)(bb(&codes), bb(&tables), bb(&mut out))
            });
        }
        let (acc, f_add, rescale) = ([1000; 32], [1.0; 32], [0x3f80; 32]);
        let mut out = [0.0; 32];
        bench("estimate", 32, &mut || {
            (k.estimate)(
                bb(&acc),
                bb(&f_add),
                bb(&rescale),
                0.1,
                -5.0,
                2.0,
                bb(&mut out),
            )
        });
    }
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
