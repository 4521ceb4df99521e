//! Quicklists: lists as a sequence of listpacks. How elements are put into nodes is what Redis does when they are pushed at the
//! tail one after the other.

use super::listpack::Builder;
use super::writer::Writer;

/// A node that is one element, too long for a listpack.
pub(super) const NODE_PLAIN: u64 = 1;
/// A node that is a listpack.
pub(super) const NODE_PACKED: u64 = 2;

/// Sizes of nodes that the options -1 to -5 stand for, in bytes.
const NODE_BYTES: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
/// The size of nodes whose number of elements is limited, in bytes.
const COUNTED_NODE_BYTES_MAX: usize = 8 << 10;
/// What Redis reckons that an element takes beside its bytes.
const OVERHEAD_BYTES: usize = 8;
/// Longer elements are a node of their own.
const PACKED_ELEMENT_LEN_MAX: usize = 1 << 30;

/// Writes the nodes, after their count.
pub(super) fn write(writer: &mut Writer, elements: &[Vec<u8>], node_size: i64) {
    let nodes = nodes(elements, node_size);
    writer.length(nodes.len() as u64);
    for node in nodes {
        let (container, bytes) = match node {
            Node::Plain(element) => (NODE_PLAIN, element.to_vec()),
            Node::Packed(builder) => (NODE_PACKED, builder.finish()),
        };
        writer.length(container);
        writer.string(&bytes);
    }
}

enum Node<'e> {
    Plain(&'e [u8]),
    Packed(Builder),
}

fn nodes(elements: &[Vec<u8>], node_size: i64) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    for element in elements {
        if element.len() >= PACKED_ELEMENT_LEN_MAX {
            nodes.push(Node::Plain(element));
            continue;
        }
        match nodes.last_mut() {
            Some(Node::Packed(node)) if has_room(node, element.len(), node_size) => node.push(element),
            _ => {
                let mut node = Builder::new();
                node.push(element);
                nodes.push(Node::Packed(node));
            }
        }
    }
    nodes
}

fn has_room(node: &Builder, len: usize, node_size: i64) -> bool {
    let size = node.size() + len + OVERHEAD_BYTES;
    match usize::try_from(node_size) {
        Ok(count_max) => size <= COUNTED_NODE_BYTES_MAX && node.count() < count_max,
        Err(_) => {
            let level = usize::try_from(-1 - node_size).unwrap_or(usize::MAX).min(NODE_BYTES.len() - 1);
            size <= NODE_BYTES[level]
        }
    }
}
