//! A [`WeightTree`] into the bytes of a `.weights.h5` file, laid out as h5py and Keras expect.

use std::collections::BTreeMap;

use hdf5_pure::{AttrValue, DatasetBuilder, FileBuilder, GroupBuilder, LibVer};
use kerros_core::{Error, ErrorKind, Result, Tensor};

use super::element;
use super::hdf5_read::check_name;
use super::limits::{MAX_DEPTH, MAX_OBJECTS, MAX_PATH_BYTES};
use super::tree::{Attribute, Group, WeightTree};

/// The bytes of the file. Deterministic: no dates, and members in the order of the tree.
pub(super) fn bytes(tree: &WeightTree) -> Result<Vec<u8>> {
    check(tree)?;
    let mut builder = FileBuilder::new();
    // The oldest format the library writes: read by every HDF5 since 1.8.
    builder.with_libver_bounds(LibVer::Earliest, LibVer::V18);
    let mut root = Node::default();
    for (path, group) in tree.groups() {
        let mut node = &mut root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            node = node.children.entry(name).or_default();
        }
        node.group = Some(group);
    }
    if let Some(group) = root.group {
        for (name, attribute) in group.attributes() {
            builder.set_attr(name, text(attribute));
        }
        for (key, tensor) in group.datasets() {
            fill(builder.create_dataset(key), tensor)?;
        }
    }
    for (name, child) in &root.children {
        let mut below = builder.create_group(name);
        child.write(&mut below)?;
        builder.add_group(below.finish());
    }
    builder.finish().map_err(|error| {
        Error::new(ErrorKind::Argument, "the weights do not fit the HDF5 format")
            .caused_by(error)
            .hint("shorten the names")
    })
}

/// One group with those below it, as the file nests them.
#[derive(Default)]
struct Node<'a> {
    group: Option<&'a Group>,
    children: BTreeMap<&'a str, Node<'a>>,
}

impl Node<'_> {
    fn write(&self, to: &mut GroupBuilder) -> Result<()> {
        if let Some(group) = self.group {
            for (name, attribute) in group.attributes() {
                to.set_attr(name, text(attribute));
            }
            for (key, tensor) in group.datasets() {
                fill(to.create_dataset(key), tensor)?;
            }
        }
        for (name, child) in &self.children {
            let mut below = to.create_group(name);
            child.write(&mut below)?;
            to.add_group(below.finish());
        }
        Ok(())
    }
}

/// Refuses what [`WeightTree::from_h5_bytes`] would refuse to read again.
fn check(tree: &WeightTree) -> Result<()> {
    let refused = |message: String| Err(Error::new(ErrorKind::Argument, message));
    let num_objects = tree.groups().count() + tree.num_datasets();
    if num_objects >= MAX_OBJECTS {
        return refused(format!("{num_objects} groups and datasets, of {MAX_OBJECTS} at most"));
    }
    for (path, group) in tree.groups() {
        if path.len() > MAX_PATH_BYTES || path.split('/').count() > MAX_DEPTH {
            return refused(format!("the path of a group is too long or too deep: `{path}`"));
        }
        let names = path.split('/').filter(|_| !path.is_empty());
        for name in names.chain(group.datasets().map(|(key, _)| key)) {
            check_name(name)
                .or_else(|error| refused(format!("group `{path}`: {}", error.message())))?;
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        if tree.tensor(above, name).is_some() {
            return refused(format!("`{path}` is both a group and a dataset"));
        }
    }
    Ok(())
}

/// Variable-length UTF-8, the encoding h5py gives back as `str`.
fn text(attribute: &Attribute) -> AttrValue {
    match attribute {
        Attribute::Text(text) => AttrValue::VarLenString(text.clone()),
        Attribute::Texts(list) => AttrValue::VarLenStringArray(list.clone()),
    }
}

fn fill(to: &mut DatasetBuilder, tensor: &Tensor) -> Result<()> {
    let (datatype, raw) = element::encode(tensor)?;
    let dims: Vec<u64> = tensor.shape().iter().map(|&dim| dim as u64).collect();
    to.with_raw_data(datatype, raw, tensor.num_elements() as u64).with_shape(&dims);
    Ok(())
}
