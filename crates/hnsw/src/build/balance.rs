//! More in-edges for nodes that few others name.
//!
//! What a list gives up for a nearer neighbour may be all that led to a node. Before the pages are
//! written, a node with few in-edges gets more, from those that it names itself, nearest first, in the place
//! of neighbours that many name.

use super::{Arena, Builder};
use crate::Result;

/// In-edges that every node should have.
const FEW: u8 = 6;
/// Nodes with more can lose one.
const MANY: u8 = 12;

/// Balances the lists of level 0 of `nodes`. No other thread may run.
pub(super) fn balance<A: Arena>(b: &Builder<A>, nodes: &[u32]) -> Result<()> {
    let Some(&last) = nodes.last() else {
        return Ok(());
    };
    let mut named = vec![0u8; last as usize + 1];
    for &node in nodes {
        for id in b.list(node, 0).ids() {
            named[id as usize] = named[id as usize].saturating_add(1);
        }
    }
    for &node in nodes {
        if named[node as usize] >= FEW {
            continue;
        }
        b.check_stop()?;
        let list = b.list(node, 0);
        let mut near: Vec<(f32, u32)> = (0..list.degree())
            .map(|lane| (list.distance(lane), list.id(lane)))
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (distance, neighbour) in near {
            if named[node as usize] >= FEW {
                break;
            }
            if let Some(lost) = name(b, neighbour, node, distance, &named) {
                named[node as usize] += 1;
                named[lost as usize] = named[lost as usize].saturating_sub(u8::from(lost != node));
            }
        }
    }
    Ok(())
}

/// Makes `from` name `node`; returns what it gave up for it, or `node` itself if there was a free lane.
fn name<A: Arena>(
    b: &Builder<A>,
    from: u32,
    node: u32,
    distance: f32,
    named: &[u8],
) -> Option<u32> {
    let list = b.list(from, 0);
    let degree = list.degree();
    if list.ids().any(|id| id == node) {
        return None;
    }
    if degree < b.layout.lanes {
        list.set(degree, node, distance);
        list.set_degree(degree + 1);
        return Some(node);
    }
    let lane = (0..degree)
        .filter(|&lane| named[list.id(lane) as usize] > MANY)
        .max_by(|&a, &b| list.distance(a).total_cmp(&list.distance(b)))?;
    let lost = list.id(lane);
    list.set(lane, node, distance);
    Some(lost)
}
