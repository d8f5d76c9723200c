//! The decoders of pages and records: any bytes are an error or a record that can be read and
//! changed.

#![no_main]

#[path = "../../crates/hnsw/tests/common/mod.rs"]
mod common;

use common::keyed::keyed;
use common::{METRICS, STORAGES, params, tid};
use hnsw::layout::LaneCode;
use hnsw::page::{BODY_SIZE, Body, Meta, PageKind};
use hnsw::record::{Record, RecordMut, Rest, SlotKind};
use hnsw::{Layout, Storage, tids};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u8, u8, u8, bool, bool, &[u8])| {
    let (dims, m, metric, storage, has_keys, whole, bytes) = input;
    let params = params(
        usize::from(dims) % 16_000 + 1,
        u16::from(m) % 99 + 2,
        METRICS[usize::from(metric) % METRICS.len()],
        STORAGES[usize::from(storage) % STORAGES.len()],
    );
    let layout = Layout::new(if has_keys { keyed(params) } else { params });
    let mut body = Body::ZERO;
    body.init(PageKind::Nodes);
    // The bytes are those of the page, or of its slots.
    let start = if whole {
        0
    } else {
        layout.record_range(0).start
    };
    let length = bytes.len().min(BODY_SIZE - start);
    body.bytes_mut()[start..start + length].copy_from_slice(&bytes[..length]);

    if let Ok(meta) = Meta::read(&body) {
        let _ = Layout::from_meta(&meta);
    }
    for slot in 0..layout.slots {
        read(&layout, &body, slot);
        change(&layout, body, slot);
    }
});

fn read(layout: &Layout, body: &Body, slot: usize) {
    if let Ok(Some((_, tids))) = tids::read_slot(layout, body, 1, slot) {
        assert!(tids.len() <= tids::capacity(layout));
    }
    let Ok(record) = Record::new(layout, body, 1, slot) else {
        return;
    };
    if !matches!(record.kind(), SlotKind::Node | SlotKind::Dead) {
        return;
    }
    let neighbours = record.neighbours();
    assert!(neighbours.len() <= layout.lanes);
    assert!(record.tids().len() <= layout.inline_rows);
    let held = record.vector().len();
    match record.rest() {
        Rest::Nothing if layout.params.storage == Storage::Sparse => {
            assert!(held <= 8 * layout.inline_elements());
        }
        Rest::Nothing => assert_eq!(held, layout.vector_size()),
        Rest::Pages | Rest::Base(_) => assert_eq!(held, 0),
        Rest::Slots(..) => assert_eq!(held, 8 * layout.inline_elements()),
    }
    let factors = match layout.lane_code {
        LaneCode::Edge => layout.lanes,
        LaneCode::None | LaneCode::Bits => 0,
    };
    assert_eq!(
        (record.f_add().len(), record.f_rescale().len()),
        (factors, factors)
    );
    assert_eq!(record.codes().len(), layout.lanes * layout.code_dims / 8);
    for (lane, id) in neighbours.iter().enumerate() {
        assert!(layout.locate(*id).1 < layout.slots);
        record.is_anchor(lane);
        record.edge(lane);
        record.sketch();
    }
}

fn change(layout: &Layout, mut body: Body, slot: usize) {
    let Ok(mut record) = RecordMut::new(layout, &mut body, 1, slot) else {
        return;
    };
    if !matches!(record.view().kind(), SlotKind::Node | SlotKind::Dead) {
        return;
    }
    let before = record.view().tids().len();
    let pushed = record.push_row(&tids::row(layout, tid(7), &[]));
    assert_eq!(record.view().tids().len(), before + usize::from(pushed));
    let removed = record.retain_tids(|tid| tid.block % 2 == 0);
    assert_eq!(
        record.view().tids().len(),
        before + usize::from(pushed) - removed
    );
    let degree = record.view().neighbours().len();
    if degree > 0 {
        record.set_anchor(degree - 1, true);
        record.remove_lane(degree / 2);
        assert_eq!(record.view().neighbours().len(), degree - 1);
    }
    record.free();
    assert_eq!(record.view().kind(), SlotKind::Free);
}
