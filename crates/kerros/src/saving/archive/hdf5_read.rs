//! A `.weights.h5` file into a [`WeightTree`], every claim in it checked before it is believed.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hdf5_pure::{AttrValue, Dataset, File, FormatError, Layout};
use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};

use super::element::Encoding;
use super::limits::{self, MAX_DEPTH, MAX_PATH_BYTES};
use super::metered::{Fuel, MeteredBytes};
use super::tree::{Attribute, Group, WeightTree};

/// Reads the tree. The HDF5 library is young: as a last line, a panic inside it becomes an
/// error (the tree under construction is dropped, so nothing half-made is seen afterwards).
pub(super) fn tree(bytes: Vec<u8>) -> Result<WeightTree> {
    catch_unwind(AssertUnwindSafe(|| Reader::open(bytes)?.tree())).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Format, "the HDF5 structures contradict each other")
            .expected("a whole `.weights.h5` file")
            .hint("the file is cut short or altered: copy or save it again"))
    })
}

struct Reader {
    file: File,
    fuel: Arc<Fuel>,
    num_bytes: u64,
    /// What the tree may still hold. Stored datasets do not overlap, so together they are no
    /// longer than the file; a file that says otherwise stores one dataset under many names.
    data_left: u64,
    text_left: u64,
    objects_left: usize,
}

impl Reader {
    fn open(bytes: Vec<u8>) -> Result<Self> {
        let num_bytes = bytes.len() as u64;
        if !hdf5_pure::is_hdf5_bytes(&bytes) {
            let start = &bytes[..bytes.len().min(8)];
            return Err(Error::new(
                ErrorKind::Format,
                match start {
                    [] => "the file is empty".to_owned(),
                    _ => format!("not HDF5: it begins with \"{}\"", start.escape_ascii()),
                },
            )
            .expected("a `.weights.h5` file")
            .hint("check that the download is whole and the path is the weights'"));
        }
        let objects_left = limits::max_objects(bytes.len());
        let (source, fuel) = MeteredBytes::new(bytes);
        let file = File::from_source(source).map_err(|error| damaged(error, &fuel))?;
        let end = file.superblock().eof_address;
        if end > num_bytes {
            return Err(Error::new(
                ErrorKind::Format,
                format!("cut short: {num_bytes} bytes of {end} are there"),
            )
            .hint("copy or save the file again"));
        }
        Ok(Reader {
            file,
            fuel,
            num_bytes,
            data_left: num_bytes,
            text_left: num_bytes,
            objects_left,
        })
    }

    fn tree(mut self) -> Result<WeightTree> {
        let mut tree = WeightTree::default();
        let root = self.file.root();
        self.group(&root, String::new(), 0, &mut tree)?;
        Ok(tree)
    }

    /// Reads the group at `path` and, `depth` bounded, those below it.
    fn group(
        &mut self,
        from: &hdf5_pure::Group,
        path: String,
        depth: usize,
        tree: &mut WeightTree,
    ) -> Result<()> {
        let context = |error: Error| error.context(format!("group `/{path}`"));
        if depth > MAX_DEPTH || path.len() > MAX_PATH_BYTES {
            return Err(Error::new(ErrorKind::Format, "groups are nested too deep").expected(
                format!("at most {MAX_DEPTH} levels and paths of {MAX_PATH_BYTES} bytes"),
            ));
        }
        self.count_object()?;
        let group = self.members(from).map_err(context)?;
        *tree.group_mut(&path) = group;
        let children = self.call(|| from.iter_groups()).map_err(context)?;
        for (name, child) in children {
            // Keras on Windows joins names to paths by the separator of files there.
            let name = name.replace('\\', "/");
            name.split('/').try_for_each(check_name).map_err(context)?;
            let child_path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            // The tree in memory has no two names alike; neither may the file. A group that is
            // there only because of one below it has not been read.
            let is_read = tree.group(&child_path).is_some_and(|group| !group.is_empty());
            if is_read || tree.tensor(&path, &name).is_some() {
                return Err(context(duplicate(&name)));
            }
            self.group(&child, child_path, depth + 1, tree)?;
        }
        Ok(())
    }

    /// The attributes and datasets of one group.
    fn members(&mut self, from: &hdf5_pure::Group) -> Result<Group> {
        let mut group = Group::default();
        let attributes = self.call(|| from.attrs())?;
        for (name, attribute) in self.texts(attributes)? {
            group.set_attribute(name, attribute);
        }
        let datasets = self.call(|| from.iter_datasets())?;
        for (name, dataset) in datasets {
            check_name(&name)?;
            self.count_object()?;
            let tensor = self
                .dataset(&dataset)
                .map_err(|error| error.context(format!("dataset `{name}`")))?;
            if group.set_dataset(name.clone(), tensor).is_some() {
                return Err(duplicate(&name));
            }
        }
        Ok(group)
    }

    /// The text attributes among `values`; numbers are left out, Keras reads none.
    fn texts(&mut self, values: HashMap<String, AttrValue>) -> Result<Vec<(String, Attribute)>> {
        let mut texts = Vec::new();
        for (name, value) in values {
            let attribute = if let Some(text) = value.as_str() {
                Attribute::Text(text.to_owned())
            } else if let Some(list) = value.as_strings() {
                Attribute::Texts(list.to_vec())
            } else {
                continue;
            };
            let num_bytes = name.len()
                + match &attribute {
                    Attribute::Text(text) => text.len(),
                    // An empty string still takes its own three words.
                    Attribute::Texts(list) => list.iter().map(|text| 8 + text.len()).sum(),
                };
            self.text_left = self.text_left.checked_sub(num_bytes as u64).ok_or_else(|| {
                Error::new(ErrorKind::Format, "the attributes are longer than the file")
            })?;
            texts.push((name, attribute));
        }
        Ok(texts)
    }

    /// One dataset. Nothing is allocated for its elements before its claims are checked against
    /// the bytes that are there.
    fn dataset(&mut self, from: &Dataset) -> Result<Tensor> {
        let datatype = self.call(|| from.datatype())?;
        let mark = match &datatype {
            hdf5_pure::Datatype::Opaque { .. } => self.call(|| from.attrs())?.remove("dtype"),
            _ => None,
        };
        let encoding = Encoding::of(&datatype, mark.as_ref().and_then(AttrValue::as_str))?;
        let shape = shape(&self.call(|| from.shape())?)?;
        let declared = shape.num_elements() as u64 * encoding.size_bytes() as u64;
        match self.call(|| from.layout())? {
            Layout::Compact { size } => check_stored(&shape, declared, size)?,
            Layout::Contiguous { address: Some(address), size } => {
                check_stored(&shape, declared, size)?;
                if address.checked_add(size).is_none_or(|end| end > self.num_bytes) {
                    return Err(Error::new(
                        ErrorKind::Format,
                        format!(
                            "its {size} bytes lie beyond the end of the file, which has {}",
                            self.num_bytes
                        ),
                    )
                    .hint("the file is cut short or altered: copy or save it again"));
                }
            }
            Layout::Contiguous { address: None, .. } if declared == 0 => {}
            Layout::Contiguous { address: None, .. } => {
                return Err(refused_layout(
                    "no elements are stored in this file (never written, or kept in another file)",
                ));
            }
            Layout::Chunked { .. } => return Err(refused_layout("it is stored in chunks")),
            _ => return Err(refused_layout("it is put together from other datasets")),
        }
        self.data_left = self.data_left.checked_sub(declared).ok_or_else(|| {
            Error::new(ErrorKind::Format, "the datasets together are longer than the file")
                .hint("the file is altered: save it again")
        })?;
        if declared == 0 {
            return encoding.decode(shape, Vec::new());
        }
        let raw = self.call(|| from.read_raw())?;
        encoding.decode(shape, raw)
    }

    fn count_object(&mut self) -> Result<()> {
        self.objects_left = self.objects_left.checked_sub(1).ok_or_else(|| {
            Error::new(ErrorKind::Format, "more groups and datasets than the file has room for")
                .expected(format!("at most {}", limits::max_objects(self.num_bytes as usize)))
        })?;
        Ok(())
    }

    /// One call into the HDF5 library, on a full tank.
    fn call<T>(&self, call: impl FnOnce() -> Result<T, hdf5_pure::Error>) -> Result<T> {
        self.fuel.refill();
        call().map_err(|error| damaged(error, &self.fuel))
    }
}

/// The shape, when its lengths and the number of its elements can be counted in memory.
fn shape(dims: &[u64]) -> Result<Shape> {
    let refused = || {
        Error::new(ErrorKind::Format, format!("it claims the shape {dims:?}"))
            .expected("a shape that memory could hold")
    };
    // Zero lengths are left out of the product, so that strides cannot overflow either; eight
    // bytes is the longest element.
    dims.iter()
        .filter(|&&dim| dim != 0)
        .try_fold(8u64, |product, &dim| product.checked_mul(dim))
        .filter(|&num_bytes| num_bytes <= isize::MAX as u64)
        .ok_or_else(refused)?;
    Ok(dims.iter().map(|&dim| dim as usize).collect())
}

fn check_stored(shape: &Shape, declared: u64, stored: u64) -> Result<()> {
    if declared == stored {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Format,
        format!("it claims the shape {shape}, {declared} bytes, and stores {stored}"),
    )
    .hint("the file is cut short or altered: copy or save it again"))
}

/// Names become keys of the tree and parts of paths in it, never of paths on disk.
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.is_empty()
        || name == "."
        || name == ".."
        || name.len() > MAX_PATH_BYTES
        || name.contains(|c: char| c == '/' || c.is_control())
    {
        return Err(Error::new(ErrorKind::Format, format!("the name {name:?} is not allowed"))
            .expected("a plain name"));
    }
    Ok(())
}

fn duplicate(name: &str) -> Error {
    Error::new(ErrorKind::Format, format!("the name `{name}` is there twice"))
        .expected("each name once in a group")
}

fn refused_layout(how: &str) -> Error {
    Error::new(ErrorKind::Format, how)
        .expected("elements stored in one piece, as Keras writes them")
        .hint("load the weights in Keras and save them again")
}

fn damaged(error: hdf5_pure::Error, fuel: &Fuel) -> Error {
    let message = match &error {
        _ if fuel.is_spent() => "the HDF5 structures point at each other in circles",
        // The address that means "none", which soft links have in the oldest format.
        hdf5_pure::Error::Format(FormatError::OffsetOverflow { offset: u64::MAX, .. }) => {
            "a name leads to no object in this file: a soft link, or damage"
        }
        _ => "the HDF5 structures are damaged",
    };
    Error::new(ErrorKind::Format, message)
        .caused_by(error)
        .expected("a whole `.weights.h5` file without links to elsewhere")
        .hint("the file is cut short or altered: copy or save it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An honest file that is nothing but structure stays far from the bounds.
    #[test]
    fn honest_files_use_a_quarter_of_their_fuel_at_most() {
        let mut weights = WeightTree::default();
        for number in 0..2000 {
            weights.group_mut(&format!("layers/dense_{number}/vars")).set_text("name", "x");
            weights.group_mut("optimizer/vars").push(Tensor::scalar(0.5f32));
        }
        let ours = weights.to_h5_bytes().expect("plain names");
        let keras = include_bytes!("../../../tests/archive/types.weights.h5").to_vec();
        for bytes in [ours, keras] {
            let full = limits::total_fuel(bytes.len());
            let reader = Reader::open(bytes).expect("a whole file");
            let fuel = Arc::clone(&reader.fuel);
            reader.tree().expect("a whole file");
            let used = full - fuel.total_left();
            assert!(used < full / 4, "{used} of {full}");
        }
    }
}
