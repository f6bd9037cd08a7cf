//! Weights in several HDF5 files, each at most so large, and a map that says what is where.
//!
//! # Source
//! Keras 3, `keras/src/saving/saving_lib.py`, `ShardedH5IOStore`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use kerros_core::{Error, ErrorKind, Result, Tensor};
use serde_json::{Map, Value, json};

use super::limits::{MAX_CONFIG_BYTES, MAX_SHARDS};
use super::tree::{Group, WeightTree};
use super::{open, write_atomically};

/// Marks the files of one save, so that those of two are not taken for one: a crash between the
/// shards and their map leaves such a mixture.
const MARK: &str = "kerros_save";

impl WeightTree {
    /// Reads a `.weights.json` file and the shards that it names, from its own folder alone.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when a file cannot be read; [`ErrorKind::Format`] for a map that is
    /// not Keras's, that names a file elsewhere, or that does not agree with the shards;
    /// otherwise as [`WeightTree::from_h5_bytes`].
    pub fn read_sharded(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let context = |error: Error| error.context(format!("reading `{}`", path.display()));
        let map = ShardMap::read(path).map_err(context)?;
        let mut whole = WeightTree::default();
        for name in &map.files {
            let shard = WeightTree::read_h5(beside(path, name)).map_err(context)?;
            map.merge(name, shard, &mut whole).map_err(context)?;
        }
        map.check(&whole).map_err(context)?;
        Ok(whole)
    }

    /// Writes a `.weights.json` file and shards beside it, `NAME_00000.weights.h5` and so on, of
    /// at most `max_shard_bytes` of weights each. Keras 3 and [`WeightTree::read_sharded`] load
    /// them.
    ///
    /// Each file is written atomically, the map last. When a crash between them leaves files of
    /// two saves, reading says so.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for a weight larger than a shard; else as
    /// [`super::Archive::write`].
    pub fn write_sharded(&self, path: impl AsRef<Path>, max_shard_bytes: u64) -> Result<()> {
        let path = path.as_ref();
        let context = |error: Error| error.context(format!("writing `{}`", path.display()));
        let (shards, weight_map, total) = self.divided(path, max_shard_bytes).map_err(context)?;
        let mark = mark(&shards);
        let mut files = Vec::new();
        for (name, mut shard) in shards {
            shard.group_mut("").set_text(MARK, &mark);
            files.push((name, shard.to_h5_bytes().map_err(context)?));
        }
        let map = json!({
            "metadata": {"total_size": total, MARK: mark},
            "weight_map": weight_map,
        });
        let map = serde_json::to_vec_pretty(&map).map_err(|error| {
            context(Error::new(ErrorKind::Internal, "the map is no JSON").caused_by(error))
        })?;
        for (name, bytes) in &files {
            write_bytes(&beside(path, name), bytes).map_err(context)?;
        }
        write_bytes(path, &map).map_err(context)
    }

    /// The shards by file name, in which of them the weights of each group are, and the bytes
    /// of all weights.
    #[allow(clippy::type_complexity)]
    fn divided(
        &self,
        path: &Path,
        max_shard_bytes: u64,
    ) -> Result<(Vec<(String, WeightTree)>, Map<String, Value>, u64)> {
        let stem = stem(path)?;
        let file = |number: usize| format!("{stem}_{number:05}.weights.h5");
        let mut shards = vec![(file(0), WeightTree::default())];
        let mut weight_map = Map::new();
        let (mut total, mut filled) = (0, 0);
        for (group_path, group) in self.groups() {
            let mut in_files: Vec<String> = Vec::new();
            for (key, tensor) in group.datasets() {
                let size = tensor.bytes().len() as u64;
                if size > max_shard_bytes {
                    return Err(Error::new(
                        ErrorKind::Argument,
                        format!("`{group_path}/{key}` has {size} bytes"),
                    )
                    .expected(format!("at most {max_shard_bytes} bytes, the size of a shard"))
                    .hint("allow larger shards"));
                }
                total += size;
                filled += size;
                if filled > max_shard_bytes {
                    shards.push((file(shards.len()), WeightTree::default()));
                    filled = size;
                }
                if shards.len() > MAX_SHARDS {
                    return Err(Error::new(ErrorKind::Argument, "too many shards")
                        .expected(format!("at most {MAX_SHARDS}"))
                        .hint("allow larger shards"));
                }
                let (name, shard) = shards.last_mut().expect("one shard is always there");
                let to = shard.group_mut(group_path);
                if in_files.last() != Some(name) {
                    in_files.push(name.clone());
                    copy_attributes(group, to);
                }
                to.set_dataset(key, tensor.clone());
            }
            if !in_files.is_empty() {
                let files = match in_files.as_slice() {
                    [one] => json!(one),
                    several => json!(several),
                };
                weight_map.insert(format!("/{group_path}"), files);
            }
        }
        Ok((shards, weight_map, total))
    }
}

/// What a `.weights.json` file says.
struct ShardMap {
    /// The shards, each once.
    files: BTreeSet<String>,
    /// Which of them hold weights of a group.
    groups: BTreeMap<String, BTreeSet<String>>,
    mark: Option<String>,
}

impl ShardMap {
    fn read(path: &Path) -> Result<Self> {
        let refused = |what: String| {
            Error::new(ErrorKind::Format, what)
                .expected("a map of weights to files, as Keras writes it beside the shards")
        };
        let value: Value = serde_json::from_slice(&bounded(path)?)
            .map_err(|error| refused("it is not JSON".into()).caused_by(error))?;
        let map = value.get("weight_map").and_then(Value::as_object);
        let map = map.ok_or_else(|| refused("it has no `weight_map`".into()))?;
        let mut files = BTreeSet::new();
        let mut groups = BTreeMap::new();
        for (group, names) in map {
            let names: Option<BTreeSet<String>> = match names {
                Value::String(name) => Some(BTreeSet::from([name.clone()])),
                Value::Array(names) => {
                    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
                }
                _ => None,
            };
            let names = names.ok_or_else(|| refused(format!("`{group}` is in no file")))?;
            for name in &names {
                check_file_name(name)?;
            }
            files.extend(names.iter().cloned());
            groups.insert(group.trim_start_matches('/').to_owned(), names);
        }
        if files.len() > MAX_SHARDS {
            return Err(refused(format!("it names {} files", files.len()))
                .expected(format!("at most {MAX_SHARDS}")));
        }
        let mark = value.get("metadata").and_then(|metadata| metadata.get(MARK)?.as_str());
        Ok(ShardMap { files, groups, mark: mark.map(str::to_owned) })
    }

    /// Takes over the weights of a shard.
    fn merge(&self, name: &str, shard: WeightTree, whole: &mut WeightTree) -> Result<()> {
        let in_shard = |error: Error| error.context(format!("shard `{name}`"));
        let mark = shard.group("").and_then(|root| root.text(MARK));
        if self.mark.is_some() && mark != self.mark.as_deref() {
            return Err(in_shard(
                Error::new(ErrorKind::Format, "it belongs to another save than the map")
                    .hint("writing was interrupted: save the weights again"),
            ));
        }
        for (path, group) in shard.groups() {
            let is_listed = self.groups.get(path).is_some_and(|names| names.contains(name));
            if group.datasets().len() > 0 && !is_listed {
                return Err(in_shard(
                    Error::new(ErrorKind::Format, format!("it has weights in `{path}`"))
                        .expected("weights of the groups that the map lists for it"),
                ));
            }
            let to = whole.group_mut(path);
            copy_attributes(group, to);
            for (key, tensor) in group.datasets() {
                let tensor: Tensor = tensor.clone();
                if to.set_dataset(key, tensor).is_some() {
                    return Err(in_shard(
                        Error::new(ErrorKind::Format, format!("`{path}/{key}` is there twice"))
                            .expected("each weight in one shard"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Checks that no group was missing.
    fn check(&self, whole: &WeightTree) -> Result<()> {
        let has_none = |path: &str| whole.group(path).is_none_or(|g| g.datasets().len() == 0);
        match self.groups.keys().find(|path| has_none(path)) {
            None => Ok(()),
            Some(path) => {
                Err(Error::new(ErrorKind::Format, format!("no shard has the weights of `{path}`"))
                    .hint("the shards are not those of this map: copy or save them again"))
            }
        }
    }
}

/// A shard lies beside its map: its name is no path.
fn check_file_name(name: &str) -> Result<()> {
    let is_plain = Path::new(name).file_name().is_some_and(|plain| plain == name)
        && !name.contains(['/', '\\', ':'])
        && !name.chars().any(char::is_control)
        && name.ends_with(".h5");
    match is_plain {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Format, format!("the map names the file {name:?}"))
            .expected("a file beside it, `NAME_00000.weights.h5`")
            .hint("files elsewhere are never read")),
    }
}

fn copy_attributes(from: &Group, to: &mut Group) {
    for (name, attribute) in from.attributes().filter(|(name, _)| *name != MARK) {
        to.set_attribute(name, attribute.clone());
    }
}

/// A text that is another for other weights (FNV-1a, 64 bits, over names and bytes).
fn mark(shards: &[(String, WeightTree)]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (name, shard) in shards {
        add(name.as_bytes());
        for (path, group) in shard.groups() {
            for (key, tensor) in group.datasets() {
                add(path.as_bytes());
                add(key.as_bytes());
                add(tensor.bytes());
            }
        }
    }
    format!("{hash:016x}")
}

/// `model` of `model.weights.json`.
fn stem(path: &Path) -> Result<String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let stem = name.as_deref().and_then(|name| name.strip_suffix(".weights.json"));
    stem.map(str::to_owned).ok_or_else(|| {
        Error::new(ErrorKind::Argument, format!("the file name `{}`", path.display()))
            .expected("a name that ends in `.weights.json`")
    })
}

fn beside(path: &Path, name: &str) -> PathBuf {
    path.with_file_name(name)
}

/// The bytes of a JSON file that are at most as many as a config may have.
pub(super) fn bounded(path: &Path) -> Result<Vec<u8>> {
    let io = |error| Error::new(ErrorKind::Io, "reading failed").caused_by(error);
    let mut bytes = Vec::new();
    open(path)?.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    match bytes.len() as u64 > MAX_CONFIG_BYTES {
        true => Err(Error::new(ErrorKind::Format, "it is too long for JSON about a model")
            .expected(format!("at most {MAX_CONFIG_BYTES} bytes"))),
        false => Ok(bytes),
    }
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| {
        file.write_all(bytes)
            .map_err(|error| Error::new(ErrorKind::Io, "writing failed").caused_by(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> WeightTree {
        let mut tree = WeightTree::default();
        for layer in 0..3 {
            let group = tree.group_mut(&format!("layers/dense_{layer}/vars"));
            group.set_text("name", format!("d{layer}"));
            group.push(Tensor::full([4, 4], layer as f32));
            group.push(Tensor::full([4], 0.5f32));
        }
        tree
    }

    #[test]
    fn shards_come_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.weights.json");
        // 80 bytes a layer: the bias of the second falls into the next shard.
        sample().write_sharded(&path, 144).unwrap();
        let map: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(map["metadata"]["total_size"], 240);
        assert_eq!(map["weight_map"]["/layers/dense_0/vars"], "m_00000.weights.h5");
        assert_eq!(
            map["weight_map"]["/layers/dense_1/vars"],
            json!(["m_00000.weights.h5", "m_00001.weights.h5"])
        );
        assert_eq!(WeightTree::read_sharded(&path).unwrap(), sample());
        let error = sample().write_sharded(&path, 63).unwrap_err();
        assert!(error.to_string().contains("64 bytes"), "{error}");
    }

    #[test]
    fn files_of_two_saves_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.weights.json");
        sample().write_sharded(&path, 144).unwrap();
        let old = std::fs::read(folder.path().join("m_00001.weights.h5")).unwrap();
        let mut other = sample();
        other.group_mut("layers/dense_0/vars").set_dataset("1", Tensor::full([4], 0.25f32));
        other.write_sharded(&path, 144).unwrap();
        std::fs::write(folder.path().join("m_00001.weights.h5"), old).unwrap();
        let error = WeightTree::read_sharded(&path).unwrap_err().to_string();
        assert!(error.contains("another save"), "{error}");
    }

    #[test]
    fn maps_name_files_beside_them_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.weights.json");
        for name in
            ["../secret.h5", "/etc/passwd", "a/b.h5", "..", "c:\\x.h5", "x.txt", "", "a\n.h5"]
        {
            let map = json!({"metadata": {}, "weight_map": {"/layers/dense/vars": name}});
            std::fs::write(&path, map.to_string()).unwrap();
            let error = WeightTree::read_sharded(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{name:?}");
            assert!(error.to_string().contains("the map names the file"), "{error}");
        }
        for (text, message) in [("[", "not JSON"), ("{}", "no `weight_map`")] {
            std::fs::write(&path, text).unwrap();
            let error = WeightTree::read_sharded(&path).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
