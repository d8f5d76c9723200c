//! Sizes and offsets that follow from dimensions, m, metric and storage.
//!
//! A record is one slot of a page of kind `Nodes`; all slots of an index have one size, whatever
//! the level of the node. Its parts, in this order:
//!
//! | part | bytes |
//! |---|---|
//! | header | 32 |
//! | neighbour ids | 4 L |
//! | `f_add` | 4 L |
//! | `f_rescale` (bfloat16) | 2 L |
//! | codes | L Dc / 8 |
//! | own vector | 4 D, 2 D, D or D / 8 |
//! | anchors, one bit a lane | L / 8 |
//! | sketches of key columns | 2 (L + 1) a column |
//! | rows: heap TID and key | 6 and the key's width each, as many as fit |
//!
//! D is the number of dimensions rounded up to 32; Dc is D, at most 1,024, and less where more
//! would push the lanes off the page. L, the number of lanes, is 2m rounded up to whole FastScan blocks of 32. L1
//! has no codes: its lanes are ids alone and L is 2m. The code of a bit string is its own first Dc
//! bits: no factors, L is 2m, and D and Dc are multiples of 64. An own vector that does not fit
//! beside the lanes stands on the pages behind the record's. Sparse vectors have no codes either;
//! there are four slots on a page, or one where lanes and keys take much, and the elements that do not fit are in further slots.

use crate::keys::KeyParams;
use crate::page::{CENTRE_COORDS, CONTENT_SIZE, HEADER_SIZE, Meta, VECTOR_BYTES};
use crate::record::RecordHeader;
use crate::vector::Bits;
use crate::{Error, Result};
use distance::fastscan::{BLOCK, WORD};
use std::mem::size_of;
use std::ops::Range;

/// Dimensions of a code at most: FastScan sums one byte for four of them in 16 bits.
const MAX_CODE_DIMS: usize = 1024;
/// Coordinates up to which vectors are kept, and builds compute with them, as float32: there int8 saves
/// little, and rows may well be nearer to each other than it tells apart.
const FEW_DIMS: usize = 64;
/// Elements of a sparse vector at most.
pub const MAX_ELEMENTS: usize = 16_000;
/// Bytes of a record's sparse vector in front of its elements.
pub(crate) const SPARSE_HEADER: usize = 8;
/// Records of sparse vectors to a page.
const SPARSE_SLOTS: usize = 4;
/// Rows that a record holds itself, at least; only one if they take more than [`LARGE_ROW`].
const MIN_ROWS: usize = 3;
/// Bytes of a large row.
const LARGE_ROW: usize = 64;
/// Rows that a record holds at most; more go to slots of their own.
const MAX_ROWS: usize = 64;

/// How distance is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Metric {
    /// Euclidean distance.
    L2 = 1,
    /// Negative inner product.
    InnerProduct = 2,
    /// Cosine distance.
    Cosine = 3,
    /// Taxicab distance.
    L1 = 4,
    /// The number of bits that differ.
    Hamming = 5,
    /// Jaccard distance of the sets of bits.
    Jaccard = 6,
    /// Euclidean distance of sparse vectors.
    SparseL2 = 7,
    /// Negative inner product of sparse vectors.
    SparseInnerProduct = 8,
    /// Cosine distance of sparse vectors.
    SparseCosine = 9,
    /// Taxicab distance of sparse vectors.
    SparseL1 = 10,
}

/// How a record keeps its own vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Storage {
    /// Of numbers, `Float32` where they are few, else `Float16` if it keeps as many records on a page as `Int8`, else that;
    /// of others the only one there is.
    Auto = 0,
    /// 4 bytes a dimension.
    Float32 = 1,
    /// 2 bytes a dimension.
    Float16 = 2,
    /// 1 byte a dimension.
    Int8 = 3,
    /// 1 bit a dimension: of bit strings.
    Bits = 4,
    /// 8 bytes an element that is not zero: of sparse vectors.
    Sparse = 5,
}

/// What a lane keeps of its neighbour beside the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneCode {
    /// Nothing.
    None,
    /// The signs of the difference, and two factors ([`crate::code`]).
    Edge,
    /// The first bits of the neighbour itself.
    Bits,
}

/// What an index is created with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Dimensions of the vectors, 1 to [`Metric::max_dims`].
    pub dims: u32,
    /// The option `m`, 2 to 100.
    pub m: u16,
    /// How distance is measured.
    pub metric: Metric,
    /// How records keep their own vector.
    pub storage: Storage,
    /// Columns beside the vector.
    pub keys: KeyParams,
}

/// Sizes and offsets of an index's records, all in bytes unless said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The parameters, with `storage` resolved.
    pub params: Params,
    /// Coordinates of a stored vector: `dims` rounded up to 32, or 64 bits; 0 of sparse vectors.
    pub padded: usize,
    /// Whether builds compute with int8 copies of the vectors, and make edges from them.
    pub(crate) builds_from_int8: bool,
    /// Neighbours that a record can name.
    pub lanes: usize,
    /// What lanes keep beside ids.
    pub lane_code: LaneCode,
    /// Coordinates of a code; 0 without codes.
    pub code_dims: usize,
    /// Records to a page.
    pub slots: usize,
    /// Size of a record on its page.
    pub record_size: usize,
    /// Pages of a node's own vector behind the page of its record; then `slots` is 1.
    pub vector_pages: usize,
    /// Pages of the centre, from block 1.
    pub centre_pages: usize,
    /// Bytes of a row: its TID and its key.
    pub row_size: usize,
    /// Rows that a record holds itself.
    pub inline_rows: usize,
    /// Units of pages that a map page describes.
    pub(crate) mapped_units: u32,
    pub(crate) ids: Range<usize>,
    pub(crate) f_add: Range<usize>,
    pub(crate) f_rescale: Range<usize>,
    pub(crate) codes: Range<usize>,
    pub(crate) vector: Range<usize>,
    pub(crate) anchors: Range<usize>,
    pub(crate) sketches: Range<usize>,
    pub(crate) rows: Range<usize>,
}

impl Metric {
    /// Most dimensions of an index.
    pub fn max_dims(self) -> u32 {
        match self.only_storage() {
            None => 16_000,
            Some(Storage::Bits) => 64_000,
            Some(_) => 1_000_000_000,
        }
    }

    /// How vectors are stored, where there is only one way: those that are not dense numbers.
    pub fn only_storage(self) -> Option<Storage> {
        match self {
            Metric::L2 | Metric::InnerProduct | Metric::Cosine | Metric::L1 => None,
            Metric::Hamming | Metric::Jaccard => Some(Storage::Bits),
            Metric::SparseL2
            | Metric::SparseInnerProduct
            | Metric::SparseCosine
            | Metric::SparseL1 => Some(Storage::Sparse),
        }
    }

    /// Whether vectors are rotated: distances must not change under it.
    pub fn rotated(self) -> bool {
        matches!(self, Metric::L2 | Metric::InnerProduct | Metric::Cosine)
    }

    /// Whether a centre is subtracted: distances must not change under translation.
    pub fn centred(self) -> bool {
        matches!(self, Metric::L2 | Metric::Cosine)
    }

    fn from_u8(v: u8) -> Option<Self> {
        Some(match v {
            1 => Metric::L2,
            2 => Metric::InnerProduct,
            3 => Metric::Cosine,
            4 => Metric::L1,
            5 => Metric::Hamming,
            6 => Metric::Jaccard,
            7 => Metric::SparseL2,
            8 => Metric::SparseInnerProduct,
            9 => Metric::SparseCosine,
            10 => Metric::SparseL1,
            _ => return None,
        })
    }
}

impl Storage {
    /// Bits of one stored coordinate; 0 where only some are stored.
    pub fn width(self) -> usize {
        match self {
            Storage::Float32 => 32,
            Storage::Float16 => 16,
            Storage::Int8 | Storage::Auto => 8,
            Storage::Bits => 1,
            Storage::Sparse => 0,
        }
    }

    fn from_u8(v: u8) -> Option<Self> {
        Some(match v {
            1 => Storage::Float32,
            2 => Storage::Float16,
            3 => Storage::Int8,
            4 => Storage::Bits,
            5 => Storage::Sparse,
            _ => return None,
        })
    }
}

impl Params {
    /// Whether all are in their ranges and go together.
    fn are_valid(&self) -> bool {
        self.keys.are_valid()
            && (1..=self.metric.max_dims()).contains(&self.dims)
            && (2..=100).contains(&self.m)
            && match self.metric.only_storage() {
                None => !matches!(self.storage, Storage::Bits | Storage::Sparse),
                Some(only) => self.storage == Storage::Auto || self.storage == only,
            }
    }

    fn lane_code(&self) -> LaneCode {
        match self.metric {
            Metric::L1
            | Metric::SparseL2
            | Metric::SparseInnerProduct
            | Metric::SparseCosine
            | Metric::SparseL1 => LaneCode::None,
            Metric::L2 | Metric::InnerProduct | Metric::Cosine => LaneCode::Edge,
            Metric::Hamming | Metric::Jaccard => LaneCode::Bits,
        }
    }
}

impl Layout {
    /// The layout of an index with these parameters.
    ///
    /// # Panics
    /// If a parameter is out of its range, or the storage is not one of the metric's.
    pub fn new(params: Params) -> Self {
        assert!(params.are_valid());
        if params.storage != Storage::Auto {
            return Self::with_storage(params);
        }
        if let Some(storage) = params.metric.only_storage() {
            return Self::with_storage(Params { storage, ..params });
        }
        let [float32, float16, int8] = [Storage::Float32, Storage::Float16, Storage::Int8]
            .map(|storage| Self::with_storage(Params { storage, ..params }));
        if float32.padded <= FEW_DIMS {
            float32
        } else if (float16.slots, float16.vector_pages) == (int8.slots, int8.vector_pages) {
            float16
        } else {
            int8
        }
    }

    fn with_storage(params: Params) -> Self {
        let lane_code = params.lane_code();
        // Lanes and dimensions come in units; the rest is bytes of a lane beside its code.
        let (unit, block, lane_bytes) = match lane_code {
            LaneCode::None => (WORD, 1, 4),
            LaneCode::Edge => (WORD, BLOCK, 4 + 4 + 2),
            LaneCode::Bits => (Bits::UNIT, 1, 4),
        };
        let sparse = params.storage == Storage::Sparse;
        let padded = match sparse {
            true => 0,
            false => (params.dims as usize).next_multiple_of(unit),
        };
        let lanes = (2 * params.m as usize).next_multiple_of(block);
        let anchor_bytes = lanes.div_ceil(8).next_multiple_of(2);
        // The node's own sketch stands behind those of the lanes.
        let columns = usize::from(params.keys.columns);
        let sketch_bytes = 2 * columns * (lanes + 1);
        let row_size = 6 + usize::from(params.keys.width);
        let min_rows = if row_size > LARGE_ROW { 1 } else { MIN_ROWS };
        let lane_parts = lanes * lane_bytes + anchor_bytes + sketch_bytes;
        let fixed = size_of::<RecordHeader>() + lane_parts + row_size * min_rows;
        let room = (CONTENT_SIZE - fixed) * 8 / lanes / unit * unit;
        let code_dims = match lane_code {
            LaneCode::None => 0,
            LaneCode::Edge | LaneCode::Bits => padded.min(MAX_CODE_DIMS).min(room),
        };
        // A sparse vector has what the other parts leave of the slot.
        let vector_size = match sparse {
            true => {
                let slots = if 2 * fixed > CONTENT_SIZE / SPARSE_SLOTS {
                    1
                } else {
                    SPARSE_SLOTS
                };
                (CONTENT_SIZE / slots / 8 * 8 - fixed) / 8 * 8
            }
            false => padded * params.storage.width() / 8,
        };
        let graph_size = fixed + lanes * code_dims / 8;
        let vector_pages = match graph_size + vector_size <= CONTENT_SIZE {
            true => 0,
            false => vector_size.div_ceil(VECTOR_BYTES),
        };
        let inline_vector = if vector_pages == 0 { vector_size } else { 0 };
        let slots = match vector_pages {
            0 => CONTENT_SIZE / (graph_size + inline_vector).next_multiple_of(8),
            _ => 1,
        };
        let record_size = CONTENT_SIZE / slots / 8 * 8;

        let mut end = size_of::<RecordHeader>();
        let mut part = |size: usize| {
            end += size;
            end - size..end
        };
        let factors = usize::from(lane_code == LaneCode::Edge) * lanes;
        let ids = part(4 * lanes);
        let f_add = part(4 * factors);
        let f_rescale = part(2 * factors);
        let codes = part(lanes * code_dims / 8);
        let vector = part(inline_vector);
        let anchors = part(anchor_bytes);
        let sketches = part(sketch_bytes);
        let inline_rows = ((record_size - sketches.end) / row_size).min(MAX_ROWS);
        let rows = sketches.end..sketches.end + row_size * inline_rows;
        let is_int8 = params.storage == Storage::Int8;
        Self {
            params,
            padded,
            builds_from_int8: params.metric.rotated() && (is_int8 || padded > FEW_DIMS),
            lanes,
            lane_code,
            code_dims,
            slots,
            record_size,
            vector_pages,
            centre_pages: if params.metric.centred() {
                padded.div_ceil(CENTRE_COORDS)
            } else {
                0
            },
            row_size,
            inline_rows,
            mapped_units: (CONTENT_SIZE / (2 * columns.max(1) * slots)) as u32,
            ids,
            f_add,
            f_rescale,
            codes,
            vector,
            anchors,
            sketches,
            rows,
        }
    }

    /// The layout that a metapage describes.
    pub fn from_meta(meta: &Meta) -> Result<Self> {
        let wrong = |what| Error::corrupted(Meta::BLOCK, what);
        let params = Params {
            dims: meta.dims,
            m: meta.m,
            metric: Metric::from_u8(meta.metric).ok_or(wrong("unknown metric"))?,
            storage: Storage::from_u8(meta.storage).ok_or(wrong("unknown storage"))?,
            keys: KeyParams {
                columns: u8::try_from(meta.key_columns).unwrap_or(u8::MAX),
                width: meta.key_width,
            },
        };
        if !params.are_valid() {
            return Err(wrong("dimensions, m or storage out of range"));
        }
        let layout = Self::new(params);
        if (layout.record_size, layout.slots) != (meta.record_size.into(), meta.slots.into()) {
            return Err(wrong("record size does not follow from the parameters"));
        }
        Ok(layout)
    }

    /// Pages that are allocated together: a page of records and the vector pages behind it.
    pub fn unit_pages(&self) -> u32 {
        1 + self.vector_pages as u32
    }

    /// First block after the metapage, the centre and the bounds of key columns.
    pub fn first_block(&self) -> u32 {
        1 + self.centre_pages as u32 + u32::from(self.params.keys.columns > 0)
    }

    /// The page of the bounds of key columns, if there are any.
    pub(crate) fn bounds_block(&self) -> Option<u32> {
        (self.params.keys.columns > 0).then_some(1 + self.centre_pages as u32)
    }

    /// Elements of a sparse vector that a record holds.
    pub fn inline_elements(&self) -> usize {
        self.vector.len().saturating_sub(SPARSE_HEADER) / 8
    }

    /// Bytes of a stored vector; 0 if they differ.
    pub fn vector_size(&self) -> usize {
        self.padded * self.params.storage.width() / 8
    }

    /// Words of a vector in stored coordinates; 0 if vectors differ in that.
    pub(crate) fn words(&self) -> usize {
        match self.params.storage {
            Storage::Bits => self.padded / 32,
            _ => self.padded,
        }
    }

    /// Where a slot's record is in the body of its page.
    #[inline]
    pub fn record_range(&self, slot: usize) -> Range<usize> {
        let start = HEADER_SIZE + slot * self.record_size;
        start..start + self.record_size
    }

    /// Bytes of a body that pages of records use.
    pub fn used(&self) -> usize {
        HEADER_SIZE + self.slots * self.record_size
    }

    /// Nodes on level l are one in `level_factor` of those on level l - 1.
    ///
    /// The paper's 1 in m is for searches that pay for every neighbour they look at. Here a visit
    /// looks at 2m neighbours for one page, and sparse levels are passed in fewer visits.
    pub fn level_factor(&self) -> f64 {
        32.0 * f64::from(self.params.m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(dims: u32, m: u16, metric: Metric, storage: Storage) -> Layout {
        Layout::new(Params {
            dims,
            m,
            metric,
            storage,
            keys: KeyParams::default(),
        })
    }

    #[test]
    fn parts_fit_and_are_aligned() {
        let keys = |columns, width| KeyParams { columns, width };
        let all_keys = [keys(0, 0), keys(1, 5), keys(8, 640)];
        for dims in [
            1,
            2,
            3,
            16,
            17,
            100,
            128,
            384,
            768,
            1000,
            1024,
            1536,
            2000,
            3072,
            9000,
            16_000,
            64_000,
            1_000_000_000,
        ] {
            for m in [2, 5, 16, 17, 48, 64, 100] {
                for metric in (1..).map_while(Metric::from_u8) {
                    for (storage, keys) in (1..)
                        .map_while(Storage::from_u8)
                        .flat_map(|storage| all_keys.map(|keys| (storage, keys)))
                    {
                        let params = Params {
                            dims,
                            m,
                            metric,
                            storage,
                            keys,
                        };
                        if !params.are_valid() {
                            continue;
                        }
                        let l = Layout::new(params);
                        assert!(l.slots >= 1 && l.used() <= crate::page::BODY_SIZE);
                        assert!(
                            l.rows.end <= l.record_size
                                && l.inline_rows >= if keys.width > 100 { 1 } else { MIN_ROWS }
                        );
                        assert!(l.vector_pages == 0 || l.slots == 1);
                        assert!(
                            l.vector_pages > 0
                                || l.vector.len() == l.vector_size()
                                || storage == Storage::Sparse && l.inline_elements() > 50
                        );
                        assert_eq!(
                            (l.record_size % 8, l.vector.start % 4, l.rows.start % 2),
                            (0, 0, 0)
                        );
                        assert!(l.lanes <= 255 && l.code_dims <= MAX_CODE_DIMS);
                    }
                }
            }
        }
    }

    #[test]
    fn storage_auto_keeps_the_records_to_a_page() {
        let cosine = |dims| layout(dims, 16, Metric::Cosine, Storage::Auto);
        let got: Vec<_> = [128, 384, 768, 1536]
            .map(|d| {
                (
                    cosine(d).params.storage,
                    cosine(d).slots,
                    cosine(d).code_dims,
                )
            })
            .into();
        assert_eq!(
            got,
            [
                (Storage::Int8, 8, 128),
                (Storage::Float16, 3, 384),
                (Storage::Float16, 1, 768),
                (Storage::Float16, 1, 1024)
            ]
        );
    }

    #[test]
    fn sparse_vectors_share_a_page() {
        let l = layout(1_000_000_000, 16, Metric::SparseL2, Storage::Auto);
        let got = (l.slots, l.record_size, l.inline_elements(), l.inline_rows);
        assert_eq!(got, (4, 2040, 231, 3));
        assert_eq!((l.vector.start, l.anchors.start), (160, 2016));
    }

    #[test]
    fn bits_are_their_own_codes() {
        let got: Vec<_> = [256, 1024, 64_000]
            .map(|d| layout(d, 16, Metric::Hamming, Storage::Auto))
            .map(|l| (l.slots, l.code_dims, l.vector_pages, l.inline_rows))
            .into();
        assert_eq!(got, [(6, 256, 0, 23), (1, 1024, 0, 64), (1, 1024, 1, 64)]);
    }
}
