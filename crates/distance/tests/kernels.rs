//! Every kernel of every instruction set of this CPU against a scalar `f64` reference.

use distance::rank::{BEYOND, Place, Ranking};
use distance::{EdgeSums, Kernels, MAX_DOT_I8, all_kernels, bf16_round, bf16_to_f32, fastscan};
use half::f16;
use proptest::prelude::*;
use std::iter::zip;

/// A small deterministic generator; cheaper than one proptest value per element.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn f32(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
    /// `n` values behind one spare element, so that slices from 1 are not aligned.
    fn f32s(&mut self, n: usize) -> Vec<f32> {
        (0..=n).map(|_| self.f32()).collect()
    }
    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..=n).map(|_| self.next() as u8).collect()
    }
}

#[track_caller]
fn close(name: &str, got: f32, want: f64, magnitude: f64) {
    // Errors of n additions in four or more chains stay far below n ulps of the magnitude.
    let tolerance = 1e-5 * magnitude + 1e-30;
    assert!(
        (f64::from(got) - want).abs() <= tolerance,
        "{name}: {got} is not {want}"
    );
}

fn each(check: impl Fn(&Kernels)) {
    all_kernels().into_iter().for_each(check);
}

/// The sum of `f` over all pairs, in `f64`.
fn sum(a: &[f32], b: &[f32], f: impl Fn(f64, f64) -> f64) -> f64 {
    zip(a, b).map(|(&x, &y)| f(x.into(), y.into())).sum()
}

type Term = fn(f64, f64) -> f64;
type Dot<X> = fn(&[f32], &[X]) -> f32;
type Halves = fn(&[u16], &[u16]) -> f32;
type Scaled<X> = fn(&[f32], &[X], f32) -> f32;

/// The three distances of one element type, all as functions of `(q, x, scale)`.
fn check_distances<X>(
    name: &str,
    (l2, dot, l1): (Scaled<X>, Dot<X>, Scaled<X>),
    q: &[f32],
    x: &[X],
    values: &[f32],
    scale: f32,
) {
    let s = f64::from(scale);
    // The difference cancels, so its rounding is relative to its operands.
    let size = sum(q, values, |a, b| (a.abs() + (s * b).abs()).powi(2));
    close(
        name,
        l2(q, x, scale),
        sum(q, values, |a, b| (a - s * b).powi(2)),
        size,
    );
    let size = sum(q, values, |a, b| (a * b).abs());
    close(name, dot(q, x), sum(q, values, |a, b| a * b), size);
    let size = sum(q, values, |a, b| a.abs() + (s * b).abs());
    close(
        name,
        l1(q, x, scale),
        sum(q, values, |a, b| (a - s * b).abs()),
        size,
    );
}

fn check_pairs(k: &Kernels, n: usize, seed: u64) {
    let mut r = Random(seed);
    let (a, b) = (r.f32s(n), r.f32s(n));
    let (a, b) = (&a[1..], &b[1..]);

    let pairs: [(Dot<f32>, Term, Term); 3] = [
        (
            k.l2_squared,
            |x, y| (x - y).powi(2),
            |x, y| (x.abs() + y.abs()).powi(2),
        ),
        (k.inner_product, |x, y| x * y, |x, y| (x * y).abs()),
        (k.l1, |x, y| (x - y).abs(), |x, y| x.abs() + y.abs()),
    ];
    for (kernel, term, size) in pairs {
        close(k.name, kernel(a, b), sum(a, b, term), sum(a, b, size));
    }
    let (ab, aa, bb) = (k.cosine_parts)(a, b);
    close(
        k.name,
        ab,
        sum(a, b, |x, y| x * y),
        sum(a, b, |x, y| (x * y).abs()),
    );
    close(k.name, aa, sum(a, a, |x, y| x * y), sum(a, a, |x, y| x * y));
    close(k.name, bb, sum(b, b, |x, y| x * y), sum(b, b, |x, y| x * y));

    let scale = 0.37;
    let halves: Vec<u16> = r
        .f32s(n)
        .iter()
        .map(|&x| f16::from_f32(x).to_bits())
        .collect();
    let values: Vec<f32> = halves.iter().map(|&h| f16::from_bits(h).to_f32()).collect();
    let (halves, values) = (&halves[1..], &values[1..]);
    let f = (k.l2_squared_f16, k.inner_product_f16, k.l1_f16);
    check_distances(k.name, f, a, halves, values, scale);

    let codes: Vec<i8> = r.bytes(n).iter().map(|&x| x as i8).collect();
    let values: Vec<f32> = codes.iter().map(|&c| c.into()).collect();
    let (codes, values) = (&codes[1..], &values[1..]);
    let f = (k.l2_squared_i8, k.inner_product_i8, k.l1_i8);
    check_distances(k.name, f, a, codes, values, 0.37 / 127.0);

    let other: Vec<i8> = r.bytes(n).iter().map(|&x| x as i8).collect();
    let want: i32 = zip(codes, &other[1..])
        .map(|(&x, &y)| i32::from(x) * i32::from(y))
        .sum();
    assert_eq!((k.dot_i8)(codes, &other[1..]), want, "{}", k.name);
}

/// All products at once are as one by one.
fn check_products(k: &Kernels, d: usize, rows: usize, columns: usize, seed: u64) {
    let mut r = Random(seed);
    let mut codes = |n: usize| -> Vec<i8> { r.bytes(n * d).iter().map(|&x| x as i8).collect() };
    let (a, b) = (codes(rows), codes(columns));
    let mut out = vec![0; rows * columns];
    (k.products_i8)(&a[..rows * d], &b[..columns * d], d, &mut out);
    let pairs = a[..rows * d]
        .chunks(d)
        .flat_map(|x| b[..columns * d].chunks(d).map(move |y| (x, y)));
    let want: Vec<i32> = pairs.map(|(x, y)| (k.dot_i8)(x, y)).collect();
    assert_eq!(out, want, "{}: {rows} x {columns} of {d}", k.name);
}

#[test]
fn products() {
    each(|k| {
        for (d, rows, columns) in [
            (16, 1, 1),
            (32, 8, 32),
            (48, 7, 31),
            (64, 9, 33),
            (384, 33, 47),
            (1600, 20, 70),
            (112, 0, 5),
            (112, 5, 0),
        ] {
            check_products(k, d, rows, columns, (d + rows) as u64);
        }
        let (low, high) = (vec![-128; MAX_DOT_I8], vec![127; MAX_DOT_I8]);
        let mut out = [0];
        for (a, b) in [(&low, &low), (&low, &high), (&high, &low), (&high, &high)] {
            (k.products_i8)(a, b, MAX_DOT_I8, &mut out);
            assert_eq!(out, [(k.dot_i8)(a, b)], "{}", k.name);
        }
    });
}

/// Culling of places that are made from bytes.
fn check_cull<P: Place + From<u8> + std::fmt::Debug>(
    name: &str,
    cull: fn(&mut [P], &[P]) -> usize,
) {
    let mut r = Random(5);
    for n in [32, 64, 224, 512] {
        let mut places = || -> Vec<P> { r.bytes(n)[..n].iter().map(|&x| x.into()).collect() };
        let (mut left, other) = (places(), places());
        let want: Vec<P> = zip(&left, &other)
            .map(|(&x, &y)| if y < x { P::BEYOND } else { x })
            .collect();
        let at = cull(&mut left, &other);
        assert_eq!(left, want, "{name}");
        assert!(want.iter().all(|&x| left[at] <= x), "{name}");
        assert!(want[..at].iter().all(|&x| left[at] < x), "{name}");
    }
    let mut all = [1.into(); 64];
    assert_eq!(cull(&mut all, &[0.into(); 64]), 0, "{name}");
    assert_eq!(all, [P::BEYOND; 64], "{name}");
    assert_eq!(cull(&mut [], &[]), 0, "{name}");
}

#[test]
fn cull() {
    each(|k| {
        check_cull::<i16>(k.name, k.cull);
        check_cull::<f32>(k.name, k.cull_distances);
    });
}

/// Ranks are in the order of distances that differ by a thousandth, down to 2^-31 of the largest.
#[test]
fn order_of_ranks() {
    for largest in [1e-20, 0.37, 1.0, 1e9, f32::MAX] {
        let ranking = Ranking::up_to(largest);
        let mut distance = largest;
        while distance > largest * 2f32.powi(-31) {
            let less = distance * 0.999;
            assert!(
                ranking.of(less) < ranking.of(distance),
                "{less} of {largest}"
            );
            distance *= 0.9;
        }
        assert!(ranking.of(largest) < BEYOND);
        for far in [f32::NAN, f32::INFINITY, f32::MAX] {
            assert_eq!(ranking.of(far), BEYOND - 1);
        }
        for near in [-1.0, 0.0, -f32::INFINITY] {
            assert_eq!(ranking.of(near), 0);
        }
    }
}

/// All ranks at once are as one by one, and so are the distances that they are of.
#[test]
fn ranks() {
    each(|k| {
        let mut r = Random(6);
        for n in [0, 1, 15, 16, 100] {
            let (scales, squares) = (r.f32s(n)[..n].to_vec(), r.f32s(n)[..n].to_vec());
            let products: Vec<i32> = r.bytes(n)[..n].iter().map(|&x| x.into()).collect();
            let (base, factor) = (3.0, -0.01);
            let ranking = Ranking::up_to(4.0);
            let mut out = vec![0; n];
            (k.ranks)(
                &products,
                &scales,
                &squares,
                (base, factor),
                ranking,
                &mut out,
            );
            let mut distances = vec![0.0; n];
            (k.distances)(&products, &scales, &squares, (base, factor), &mut distances);
            for i in 0..n {
                let product = factor * scales[i] * products[i] as f32;
                let distance = base + squares[i] + product;
                assert_eq!(out[i], ranking.of(distance), "{}", k.name);
                assert_eq!(distances[i], distance, "{}", k.name);
            }
        }
    });
}

/// What overflows is far, and so is what is not a number.
#[test]
fn distances_beyond_all() {
    each(|k| {
        for square in [f32::INFINITY, f32::NAN] {
            let mut out = [0.0; 20];
            (k.distances)(&[1; 20], &[1.0; 20], &[square; 20], (0.0, 1.0), &mut out);
            assert_eq!(out, [f32::MAX; 20], "{}", k.name);
        }
    });
}

/// Places of numbers in a range, or in none, as they are one by one.
#[test]
fn within() {
    const ALSO: u16 = u16::MAX;
    each(|k| {
        let mut r = Random(8);
        for n in [0, 1, 63, 64, 65, 2040, 1 << 16] {
            let spread = [40, 4000, 1 << 16][n % 3];
            let numbers: Vec<u16> = (0..n).map(|_| (r.next() % spread) as u16).collect();
            for (first, last) in [(3, 3), (10, 20), (20, 10), (0, ALSO), (ALSO, ALSO)] {
                let mut places = vec![7];
                (k.within)(&numbers, (first, last), ALSO, &mut places);
                let is_in = |&i: &u16| {
                    let number = numbers[usize::from(i)];
                    (first..=last).contains(&number) || number == ALSO
                };
                let all = (0..n).map(|i| i as u16).filter(is_in);
                let all: Vec<u16> = std::iter::once(7).chain(all).collect();
                assert_eq!(places, all, "{} of {n}", k.name);
            }
        }
    });
}

/// The kernels on two slices of halves.
fn check_halves(k: &Kernels, n: usize, seed: u64) {
    let mut r = Random(seed);
    let mut halves = || -> (Vec<u16>, Vec<f32>) {
        // Subnormal and large values too.
        let scale = 2f32.powi((r.next() % 40) as i32 - 24);
        let halves = r.f32s(n).into_iter().map(|x| f16::from_f32(x * scale));
        halves.map(|h| (h.to_bits(), h.to_f32())).unzip()
    };
    let ((a, x), (b, y)) = (halves(), halves());
    let (a, b, x, y) = (&a[1..], &b[1..], &x[1..], &y[1..]);
    let pairs: [(Halves, Term, Term); 3] = [
        (
            k.l2_squared_halves,
            |x, y| (x - y).powi(2),
            |x, y| (x.abs() + y.abs()).powi(2),
        ),
        (k.inner_product_halves, |x, y| x * y, |x, y| (x * y).abs()),
        (k.l1_halves, |x, y| (x - y).abs(), |x, y| x.abs() + y.abs()),
    ];
    for (kernel, term, size) in pairs {
        close(k.name, kernel(a, b), sum(x, y, term), sum(x, y, size));
    }
    let (ab, aa, bb) = (k.cosine_parts_halves)(a, b);
    let product: Term = |x, y| x * y;
    let size = sum(x, y, |x, y| (x * y).abs());
    close(k.name, ab, sum(x, y, product), size);
    close(k.name, aa, sum(x, x, product), sum(x, x, product));
    close(k.name, bb, sum(y, y, product), sum(y, y, product));
}

fn check_bits(k: &Kernels, n: usize, seed: u64) {
    let mut r = Random(seed);
    let (a, b) = (r.bytes(n), r.bytes(n));
    let (a, b) = (&a[1..], &b[1..]);
    let ones = |f: fn(u8, u8) -> u8| -> u64 {
        zip(a, b)
            .map(|(&x, &y)| u64::from(f(x, y).count_ones()))
            .sum()
    };
    assert_eq!((k.hamming)(a, b), ones(|x, y| x ^ y), "{}", k.name);
    let want = (ones(|x, y| x & y), ones(|x, _| x), ones(|_, y| y));
    assert_eq!((k.jaccard_parts)(a, b), want, "{}", k.name);
}

/// All lanes at once are as one by one.
fn check_lanes(k: &Kernels, bytes: usize, lanes: usize, seed: u64) {
    let mut r = Random(seed);
    let (codes, q) = (r.bytes(bytes * lanes), r.bytes(bytes));
    let (codes, q) = (&codes[1..], &q[1..]);
    let (mut differ, mut parts) = (vec![0; lanes], vec![(0, 0); lanes]);
    (k.hamming_lanes)(codes, q, &mut differ);
    (k.jaccard_lanes)(codes, q, &mut parts);
    for (lane, code) in codes.chunks_exact(bytes).enumerate() {
        let counts = |(n, m): (u16, u16)| (u64::from(n), u64::from(m));
        let (common, in_code, _) = (k.jaccard_parts)(code, q);
        assert_eq!(u64::from(differ[lane]), (k.hamming)(code, q), "{}", k.name);
        assert_eq!(counts(parts[lane]), (common, in_code), "{}", k.name);
    }
}

fn check_maps(k: &Kernels, n: usize, seed: u64) {
    let mut r = Random(seed);
    let x = &r.f32s(n)[1..];
    let mut out = vec![7.0; n + 1];
    let mut halves = vec![7; n + 1];
    (k.encode_f16)(x, 3.0, &mut halves[1..]);
    assert_eq!(halves[0], 7);
    for (&h, &v) in zip(&halves[1..], x) {
        assert_eq!(h, f16::from_f32(v * 3.0).to_bits(), "{}", k.name);
    }
    (k.decode_f16)(&halves[1..], 0.3, &mut out[1..]);
    for (&o, &h) in zip(&out[1..], &halves[1..]) {
        assert_eq!(o, f16::from_bits(h).to_f32() * 0.3, "{}", k.name);
    }

    let mut codes = vec![7; n + 1];
    (k.encode_i8)(x, 150.0, &mut codes[1..]);
    assert_eq!(codes[0], 7);
    for (&c, &v) in zip(&codes[1..], x) {
        let want = (v * 150.0).round_ties_even().clamp(-127.0, 127.0);
        assert_eq!(c, want as i8, "{}", k.name);
    }
    (k.decode_i8)(&codes[1..], 0.3, &mut out[1..]);
    for (&o, &c) in zip(&out[1..], &codes[1..]) {
        assert_eq!(o, f32::from(c) * 0.3, "{}", k.name);
    }
    assert_eq!(
        (k.max_abs)(x),
        x.iter().fold(0.0, |m, v| v.abs().max(m)),
        "{}",
        k.name
    );

    let signs: Vec<u64> = (0..n.div_ceil(64)).map(|_| r.next()).collect();
    let mut flipped = x.to_vec();
    (k.flip_signs)(&mut flipped, &signs);
    for (i, (&f, &v)) in zip(&flipped, x).enumerate() {
        assert_eq!(
            f,
            if signs[i / 64] >> (i % 64) & 1 == 1 {
                -v
            } else {
                v
            },
            "{}",
            k.name
        );
    }

    let acc: Vec<u16> = (0..=n).map(|_| r.next() as u16).collect();
    let rescale: Vec<u16> = r.f32s(n).iter().map(|&v| bf16_round(v)).collect();
    let (delta, bias, base) = (0.01, -7.0, 2.5);
    (k.estimate)(
        &acc[1..],
        x,
        &rescale[1..],
        delta,
        bias,
        base,
        &mut out[1..],
    );
    for (i, &o) in out[1..].iter().enumerate() {
        let (c, f) = (
            f64::from(acc[i + 1]),
            f64::from(bf16_to_f32(rescale[i + 1])),
        );
        let (d, b) = (f64::from(delta), f64::from(bias));
        let want = f64::from(base) + f64::from(x[i]) + f * (d * c + b);
        close(k.name, o, want, 10.0 + (f * d * c).abs());
    }

    let (u, v) = (x, &r.f32s(n)[1..]);
    let dc = n.min(1024) / 16 * 16;
    let mut bits = vec![0; dc / 8];
    let EdgeSums { l2, abs_sum, dot_u } = (k.edge_code)(u, v, dc, &mut bits);
    let positive = |i: usize| v[i] - u[i] >= 0.0;
    assert!(
        (0..dc).all(|i| positive(i) == (bits[i / 8] >> (i % 8) & 1 == 1)),
        "{}",
        k.name
    );
    close(k.name, l2, sum(u, v, |a, b| (b - a).powi(2)), n as f64);
    close(
        k.name,
        abs_sum,
        sum(&u[..dc], &v[..dc], |a, b| (b - a).abs()),
        n as f64,
    );
    let want: f64 = (0..dc)
        .map(|i| f64::from(if positive(i) { u[i] } else { -u[i] }))
        .sum();
    close(k.name, dot_u, want, n as f64);
}

fn check_fastscan(blocks: usize, dc: usize, seed: u64) {
    let mut r = Random(seed);
    let lanes = blocks * fastscan::BLOCK;
    let q = &r.f32s(dc)[1..];
    let mut tables = vec![0; dc * 4 + 1];
    let (delta, bias) = (distance::all_kernels()[0].tables)(q, &mut tables[1..]);
    let rows: Vec<Vec<u8>> = (0..lanes).map(|_| r.bytes(dc / 8)[1..].to_vec()).collect();
    let mut codes = vec![0; fastscan::codes_len(lanes, dc) + 1];
    for (lane, bits) in rows.iter().enumerate() {
        fastscan::set_lane(&mut codes[1..], lanes, dc, lane, bits);
    }
    let nibble = |bits: &[u8], g: usize| usize::from(bits[g / 2] >> (g % 2 * 4) & 15);
    each(|k| {
        let mut own = vec![0; dc * 4 + 1];
        assert_eq!((k.tables)(q, &mut own[1..]), (delta, bias), "{}", k.name);
        assert_eq!(own, tables, "{}", k.name);
        let mut out = vec![0; lanes];
        (k.fastscan)(&codes[1..], &tables[1..], &mut out);
        for (bits, &got) in zip(&rows, &out) {
            let sum: u16 = (0..dc / 4)
                .map(|g| u16::from(tables[1 + fastscan::table_of(g) * 16 + nibble(bits, g)]))
                .sum();
            assert_eq!(got, sum, "{}", k.name);
            let exact: f64 = (0..dc)
                .map(|i| {
                    f64::from(if bits[i / 8] >> (i % 8) & 1 == 1 {
                        q[i]
                    } else {
                        -q[i]
                    })
                })
                .sum();
            let error = f64::from(delta) * f64::from(got) + f64::from(bias) - exact;
            assert!(
                error.abs() <= (dc / 4) as f64 * 0.501 * f64::from(delta),
                "{error}"
            );
        }
    });
    let mut bits = vec![0; dc / 8];
    for (lane, row) in rows.iter().enumerate() {
        fastscan::get_lane(&codes[1..], lanes, dc, lane, &mut bits);
        assert_eq!(&bits, row);
    }
}

#[test]
fn short_lengths() {
    for n in 0..=130 {
        each(|k| check_pairs(k, n, n as u64));
        each(|k| check_halves(k, n, n as u64));
        each(|k| check_bits(k, n, n as u64));
        each(|k| check_lanes(k, n.max(1), 5, n as u64));
        each(|k| check_maps(k, n, n as u64));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pairs(n in 1usize..=2100, seed: u64) {
        each(|k| check_pairs(k, n, seed));
    }

    #[test]
    fn halves(n in 1usize..=2100, seed: u64) {
        each(|k| check_halves(k, n, seed));
    }

    #[test]
    fn bits(n in 1usize..=9000, seed: u64) {
        each(|k| check_bits(k, n, seed));
        each(|k| check_lanes(k, n % 200 + 1, seed as usize % 40, seed));
    }

    #[test]
    fn maps(n in 1usize..=2100, seed: u64) {
        each(|k| check_maps(k, n, seed));
    }

    #[test]
    fn fastscan_sums(blocks in 1usize..4, dc in (1usize..=32).prop_map(|x| x * 32), seed: u64) {
        check_fastscan(blocks, dc, seed);
    }

    #[test]
    fn encoded_i8_within_half_a_step(n in 1usize..300, exponent in -30i32..30, seed: u64) {
        let mut x = Random(seed).f32s(n);
        x.iter_mut().for_each(|v| *v *= 2f32.powi(exponent));
        let scale = distance::quantize::i8_scale(&x);
        let mut codes = vec![0; x.len()];
        distance::quantize::encode_i8(&x, scale, &mut codes);
        for (&c, &v) in zip(&codes, &x) {
            prop_assert!((v - scale * f32::from(c)).abs() <= scale * 0.501);
        }
    }
}

#[test]
fn hadamard_by_definition_and_twice() {
    for n in (0..=12).map(|e| 1usize << e) {
        let x = &Random(n as u64).f32s(n)[1..];
        each(|k| {
            let mut buffer = vec![0.0; n + 1];
            let y = &mut buffer[1..];
            y.copy_from_slice(x);
            (k.hadamard)(y);
            // The whole transform costs n^2; a few rows of long ones do.
            for i in (0..n).step_by(n.div_ceil(64)) {
                let sign = |j: usize| {
                    if (i & j).count_ones().is_multiple_of(2) {
                        1.0
                    } else {
                        -1.0
                    }
                };
                let want: f64 = (0..n).map(|j| sign(j) * f64::from(x[j])).sum();
                close(k.name, y[i], want, n as f64);
            }
            (k.hadamard)(y);
            for (&v, &w) in zip(&*y, x) {
                close(k.name, v, n as f64 * f64::from(w), n as f64 * n as f64);
            }
        });
    }
}

#[test]
fn greatest_sums() {
    each(|k| {
        let (low, high) = (vec![-128; MAX_DOT_I8], vec![127; MAX_DOT_I8]);
        let n = MAX_DOT_I8 as i32;
        assert_eq!((k.dot_i8)(&low, &low), 128 * 128 * n, "{}", k.name);
        assert_eq!((k.dot_i8)(&low, &high), -128 * 127 * n, "{}", k.name);
        assert_eq!((k.dot_i8)(&high, &low), -128 * 127 * n, "{}", k.name);
        let mut out = [0; 32];
        (k.fastscan)(&[0x5a; 4096], &[255; 4096], &mut out);
        assert_eq!(out, [65280; 32], "{}", k.name);
    });
}

#[test]
fn special_values() {
    let specials = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        3e38,
        -0.0,
        f32::MIN_POSITIVE,
    ];
    each(|k| {
        assert_eq!((k.l2_squared)(&[3e38], &[-3e38]), f32::INFINITY);
        assert_eq!((k.l1)(&[3e38], &[-3e38]), f32::INFINITY);
        assert_eq!((k.inner_product)(&[3e38; 2], &[3e38; 2]), f32::INFINITY);
        assert_eq!((k.inner_product)(&[3e38], &[-3e38]), f32::NEG_INFINITY);
        assert!((k.l2_squared)(&[f32::NAN], &[0.0]).is_nan());
        assert_eq!((k.l2_squared)(&[], &[]), 0.0);
        let (large, infinite) = (f16::MAX.to_bits(), f16::INFINITY.to_bits());
        assert_eq!((k.l1_halves)(&[large], &[large ^ 0x8000]), 131_008.0);
        assert_eq!(
            (k.inner_product_halves)(&[infinite], &[large]),
            f32::INFINITY
        );
        assert!((k.l2_squared_halves)(&[f16::NAN.to_bits()], &[0]).is_nan());
        assert_eq!((k.hamming)(&[], &[]), 0);
        assert_eq!(
            (k.jaccard_parts)(&[255; 9000], &[255; 9000]),
            (72_000, 72_000, 72_000)
        );

        for &special in &specials {
            let mut x = vec![1.0; 64];
            x[0] = special;
            x[40] = special;
            let y = vec![0.5; 64];
            for f in [k.l2_squared, k.inner_product, k.l1] {
                f(&x, &y);
            }
            let mut halves = [0; 64];
            (k.encode_f16)(&x, 1.0, &mut halves);
            assert_eq!(
                f16::from_bits(halves[0]).is_nan(),
                special.is_nan(),
                "{}",
                k.name
            );
            let scale = (k.max_abs)(&x) / 127.0;
            let mut codes = [0; 64];
            (k.encode_i8)(&x, 1.0 / scale, &mut codes);
            assert!(codes.iter().all(|&c| c != -128), "{}", k.name);
            (k.edge_code)(&x, &y, 32, &mut [0; 4]);
            (k.hadamard)(&mut x);
        }
        // A residual of minus zero counts as positive, NaN as negative.
        let mut bits = [0; 2];
        let mut v = [-0.0; 16];
        v[3] = f32::NAN;
        (k.edge_code)(&[0.0; 16], &v, 16, &mut bits);
        assert_eq!(bits, [0xf7, 0xff], "{}", k.name);
        let mut tables = [1; 128];
        for special in [0.0, 1e-45, 3e38, f32::INFINITY, f32::NAN] {
            let (delta, bias) = (k.tables)(&[special; 32], &mut tables);
            assert!(delta.is_finite() && bias.is_finite(), "{}", k.name);
        }
        assert_eq!((k.tables)(&[0.0; 32], &mut tables), (0.0, 0.0));
        assert_eq!(tables, [0; 128], "{}", k.name);
    });
    let mut codes = [1; 3];
    distance::quantize::encode_i8(
        &[0.0; 3],
        distance::quantize::i8_scale(&[0.0; 3]),
        &mut codes,
    );
    assert_eq!(codes, [0; 3]);
}

#[test]
fn every_half_decodes() {
    let bits: Vec<u16> = (0..=u16::MAX).collect();
    each(|k| {
        let mut out = vec![0.0; bits.len()];
        (k.decode_f16)(&bits, 1.0, &mut out);
        for (&o, &h) in zip(&out, &bits) {
            let want = f16::from_bits(h).to_f32();
            assert!(
                o == want || o.is_nan() && want.is_nan(),
                "{}: {h:x}",
                k.name
            );
        }
        let mut back = vec![0; bits.len()];
        (k.encode_f16)(&out, 1.0, &mut back);
        assert!(zip(&back, &bits).all(|(&b, &h)| b == h || f16::from_bits(h).is_nan()));
    });
}

#[test]
#[should_panic]
fn unequal_lengths_panic() {
    distance::l2_squared(&[0.0; 3], &[0.0; 4]);
}
