//! The body of a page: what follows PostgreSQL's page header.
//!
//! Every page that was ever initialised begins with a [`PageHeader`] and keeps its kind for ever, so that a
//! reader with a stale node id finds a record of some node or a free slot, never bytes of
//! another kind.

use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use std::mem::{offset_of, size_of};
use std::ops::Range;

/// Bytes of a page that belong to the index: 8,192 less PostgreSQL's 24-byte page header.
pub const BODY_SIZE: usize = 8168;
/// Bytes of a body before its contents.
pub const HEADER_SIZE: usize = size_of::<PageHeader>();
/// Bytes of a body behind the page header.
pub const CONTENT_SIZE: usize = BODY_SIZE - HEADER_SIZE;

/// The first bytes of every initialised body.
pub const MAGIC: u32 = u32::from_le_bytes(*b"hnsw");
/// The version of the format that this library writes.
pub const VERSION: u16 = 1;

/// The body of one page, aligned to 8 bytes.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Body([u64; BODY_SIZE / 8]);

const _: () = assert!(size_of::<Body>() == BODY_SIZE);

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum PageKind {
    /// Block 0: parameters and the entry point.
    Meta = 1,
    /// The centre that is subtracted from vectors before their rotation.
    Centre = 2,
    /// Slots of node records and of lists.
    Nodes = 3,
    /// A part of one node's own vector, behind the page of its record.
    Vector = 4,
    /// Bounds of key columns.
    Bounds = 5,
    /// The sketches of the nodes on the pages behind it.
    Map = 6,
}

/// Starts every initialised body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PageHeader {
    /// [`MAGIC`].
    pub magic: u32,
    /// [`VERSION`] of the writer.
    pub version: u16,
    /// A [`PageKind`].
    pub kind: u16,
}

const _: () = assert!(size_of::<PageHeader>() == 8);

impl Body {
    /// A body of zeros, as a page that was never initialised.
    pub const ZERO: Body = Body([0; BODY_SIZE / 8]);

    /// All bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8; BODY_SIZE] {
        bytemuck::cast_ref(self)
    }

    /// All bytes, to change.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8; BODY_SIZE] {
        bytemuck::cast_mut(self)
    }

    /// The page header as it stands, unchecked.
    #[inline]
    pub fn header(&self) -> PageHeader {
        *bytemuck::from_bytes(&self.bytes()[..HEADER_SIZE])
    }

    /// Whether the page was allocated but never initialised.
    pub fn is_new(&self) -> bool {
        self.header()
            == PageHeader {
                magic: 0,
                version: 0,
                kind: 0,
            }
    }

    /// Makes this an empty page of `kind`.
    pub fn init(&mut self, kind: PageKind) {
        *self = Body::ZERO;
        let header = PageHeader {
            magic: MAGIC,
            version: VERSION,
            kind: kind as u16,
        };
        self.bytes_mut()[..HEADER_SIZE].copy_from_slice(bytemuck::bytes_of(&header));
    }

    /// Where a part, of whole words of 4 bytes, differs from that of another body: ranges in
    /// ascending order, which begin and end with a byte that differs. Ranges in adjacent words
    /// are one.
    pub fn differences(&self, other: &Body, part: Range<usize>) -> Vec<Range<usize>> {
        const WORD: usize = 4;
        const CHUNK: usize = u32::BITS as usize;
        let (a, b) = (self.bytes(), other.bytes());
        let Some((ours, theirs)) = a.get(part.clone()).zip(b.get(part.clone())) else {
            return Vec::new();
        };
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let words = |bytes| bytemuck::cast_slice::<u8, u32>(bytes).chunks(CHUNK);
        for (chunk, (a, b)) in words(ours).zip(words(theirs)).enumerate() {
            // A bit for each word, without branches: the compiler compares many at once.
            let bit = |(i, (a, b)): (usize, (&u32, &u32))| u32::from(a != b) << i;
            let mut differing = a
                .iter()
                .zip(b)
                .enumerate()
                .map(bit)
                .fold(0, |d, bit| d | bit);
            while differing != 0 {
                let word = CHUNK * chunk + differing.trailing_zeros() as usize;
                let start = part.start + WORD * word;
                let end = start + WORD;
                match ranges.last_mut() {
                    Some(last) if last.end == start => last.end = end,
                    _ => ranges.push(start..end),
                }
                differing &= differing - 1;
            }
        }
        for range in &mut ranges {
            let differs = |&at: &usize| a[at] != b[at];
            let (first, last) = (range.clone().find(differs), range.clone().rfind(differs));
            if let (Some(first), Some(last)) = (first, last) {
                *range = first..last + 1;
            }
        }
        ranges
    }

    /// Errors unless this is a page of `kind`; `block` is for the message.
    #[inline]
    pub fn expect(&self, kind: PageKind, block: u32) -> Result<()> {
        let header = self.header();
        if header
            == (PageHeader {
                magic: MAGIC,
                version: VERSION,
                kind: kind as u16,
            })
        {
            return Ok(());
        }
        Err(Self::unexpected(header, block))
    }

    #[cold]
    fn unexpected(header: PageHeader, block: u32) -> Error {
        if header.magic != MAGIC {
            Error::corrupted(block, "page has no hnsw page header")
        } else if header.version > VERSION && header.version < 256 {
            Error::Version(header.version)
        } else if header.version != VERSION {
            Error::corrupted(block, "page has an unknown version")
        } else {
            Error::corrupted(block, "page is of another kind than expected")
        }
    }
}

/// Contents of block 0, behind the page header.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Meta {
    /// Seed of the rotation.
    pub seed: u64,
    /// Dimensions of the indexed vectors.
    pub dims: u32,
    /// The option `m`.
    pub m: u16,
    /// A [`crate::Metric`].
    pub metric: u8,
    /// A [`crate::Storage`], never `Auto`.
    pub storage: u8,
    /// Bytes of a record; repeated here so that a change of layout is noticed.
    pub record_size: u16,
    /// Records to a page, repeated likewise.
    pub slots: u16,
    /// 1 once the centre pages hold a centre; until then it is the origin.
    pub centred: u32,
    /// Record of the entry point on its highest level, or [`crate::record::NONE`].
    pub entry: u32,
    /// Level of `entry`.
    pub entry_level: u32,
    /// Raised when a vacuum begins to change lists, and when it has ended: odd meanwhile.
    pub vacuums: u32,
    /// Key columns.
    pub key_columns: u16,
    /// Bytes of a row's key.
    pub key_width: u16,
}

const _: () = assert!(size_of::<Meta>() == 40);
const _: () = assert!(offset_of!(Meta, entry) == 24);

impl Meta {
    /// Block of the metapage.
    pub const BLOCK: u32 = 0;

    /// Reads the metapage's contents, unchecked but for the page header.
    pub fn read(body: &Body) -> Result<Meta> {
        body.expect(PageKind::Meta, Self::BLOCK)?;
        Ok(*bytemuck::from_bytes(
            &body.bytes()[HEADER_SIZE..][..size_of::<Meta>()],
        ))
    }

    /// Writes the metapage's contents into an initialised page.
    pub fn write(&self, body: &mut Body) {
        body.bytes_mut()[HEADER_SIZE..][..size_of::<Meta>()]
            .copy_from_slice(bytemuck::bytes_of(self));
    }
}

/// Starts a page of kind [`PageKind::Vector`], behind the page header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct VectorHeader {
    /// Node id of the owner.
    pub owner: u32,
    /// Generation of the owner's slot when this was written.
    pub generation: u32,
}

impl VectorHeader {
    /// That of a page of this kind.
    pub fn read(body: &Body) -> Self {
        *bytemuck::from_bytes(&body.bytes()[HEADER_SIZE..][..size_of::<Self>()])
    }
}

/// Bytes of an own vector that one page of kind [`PageKind::Vector`] takes.
pub const VECTOR_BYTES: usize = CONTENT_SIZE - size_of::<VectorHeader>();
/// Where those bytes begin in the body.
pub const VECTOR_OFFSET: usize = BODY_SIZE - VECTOR_BYTES;
/// Coordinates of the centre that one page of kind [`PageKind::Centre`] takes.
pub const CENTRE_COORDS: usize = CONTENT_SIZE / 4;
