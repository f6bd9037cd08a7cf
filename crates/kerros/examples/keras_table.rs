//! Prints the table of Keras's public names, and which of them are here:
//! `cargo run -p kerros --example keras_table > docs/KERAS.md`.
//!
//! What Keras has is in `fixtures/names.json`, what is here in the registries. A test compares
//! the committed table with what this prints.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use kerros::object::Registry;
use kerros::{
    activations, constraints, initializers, layers, losses, metrics, optimizers, regularizers,
    schedules,
};
use serde_json::Value;

fn main() {
    print!("{}", table());
}

/// One of Keras's modules of names.
struct Module {
    /// Keras's path of it.
    keras: &'static str,
    /// The folder of its twin here, in `crates/kerros/src`.
    folder: &'static str,
    /// Keras's name of what all names of the module are, and the trait here.
    all_are: (&'static str, &'static str),
    /// The class that a name stands for, where the registry has it.
    class: fn(&str) -> Option<&'static str>,
}

/// Names that are in another folder here than in Keras.
const ELSEWHERE: [(&str, &str); 3] =
    [("Input", "model"), ("Pipeline", "model"), ("History", "trainer")];

/// Functions of `keras.ops` whose names mean something else in Rust.
const RENAMED: [(&str, &str); 2] = [("where", "choose"), ("mod", "modulo")];

fn find<T: ?Sized>(registry: &'static Registry<T>, name: &str) -> Option<&'static str> {
    registry.find(name).ok().map(|entry| entry.class_name)
}

const MODULES: [Module; 10] = [
    Module {
        keras: "keras.layers",
        folder: "layers",
        all_are: ("Layer", "Layer"),
        class: |name| find(&layers::REGISTRY, name),
    },
    Module {
        keras: "keras.activations",
        folder: "activations",
        all_are: ("", "Activation"),
        class: |name| find(&activations::REGISTRY, name),
    },
    Module {
        keras: "keras.losses",
        folder: "losses",
        all_are: ("Loss", "Loss"),
        class: |name| find(&losses::REGISTRY, name),
    },
    Module {
        keras: "keras.metrics",
        folder: "metrics",
        all_are: ("Metric", "Metric"),
        class: |name| find(&metrics::REGISTRY, name),
    },
    Module {
        keras: "keras.optimizers",
        folder: "optimizers",
        all_are: ("Optimizer", "Optimizer"),
        class: |name| find(&optimizers::REGISTRY, name),
    },
    Module {
        keras: "keras.optimizers.schedules",
        folder: "schedules",
        all_are: ("LearningRateSchedule", "Schedule"),
        class: |name| find(&schedules::REGISTRY, name),
    },
    Module {
        keras: "keras.initializers",
        folder: "initializers",
        all_are: ("Initializer", "Initializer"),
        class: |name| find(&initializers::REGISTRY, name),
    },
    Module {
        keras: "keras.regularizers",
        folder: "regularizers",
        all_are: ("Regularizer", "Regularizer"),
        class: |name| find(&regularizers::REGISTRY, name),
    },
    Module {
        keras: "keras.constraints",
        folder: "constraints",
        all_are: ("Constraint", "Constraint"),
        class: |name| find(&constraints::REGISTRY, name),
    },
    // Callbacks are no part of files and have no registry: what is here is what is defined.
    Module {
        keras: "keras.callbacks",
        folder: "callbacks",
        all_are: ("Callback", "Callback"),
        class: |_| None,
    },
];

/// The whole table as Markdown.
pub fn table() -> String {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = crate_folder.join("../../fixtures/names.json");
    let names = std::fs::read_to_string(names).expect("the fixtures are committed");
    let names: Value = serde_json::from_str(&names).expect("the fixtures are JSON");
    let mut total = (0, 0);
    let mut sections = String::new();
    for module in &MODULES {
        let src = &crate_folder.join("src");
        let sources = Sources::of(src, module.folder);
        let keras = names["modules"][module.keras].as_object().expect("every module is listed");
        let rows: Vec<(&str, Option<Place>)> =
            keras.keys().map(|name| (name.as_str(), place(module, &sources, name, src))).collect();
        let here = rows.iter().filter(|(_, place)| place.is_some()).count();
        total = (total.0 + here, total.1 + rows.len());
        write_section(&mut sections, module.keras, here, &rows);
    }
    write_operations(&mut sections, &crate_folder.join("src"), &names["operations"]);
    let version = names["keras"].as_str().expect("the version is recorded");
    format!(
        "# Keras's words, and which are here\n\n\
         Every public name of ten modules of Keras {version}, {} of {} here. A name in small\n\
         letters is most often a class under another name: where Keras takes a function, the\n\
         class is meant.\n\n\
         Made by `cargo run -p kerros --example keras_table > docs/KERAS.md`; a test fails when\n\
         it is not what that prints.\n{sections}",
        total.0, total.1
    )
}

fn write_section(text: &mut String, module: &str, here: usize, rows: &[(&str, Option<Place>)]) {
    let count = rows.len();
    write!(text, "\n## {module}: {here} of {count}\n\n| Keras | here |\n|---|---|\n")
        .expect("strings take everything");
    for (name, place) in rows {
        let here = match place {
            Some(Place { item, file }) => format!("[`{item}`](../crates/kerros/src/{file})"),
            None => "not here".into(),
        };
        writeln!(text, "| `{name}` | {here} |").expect("strings take everything");
    }
}

/// The functions of `keras.ops` whose calls stand in files of models, and what reads them.
fn write_operations(text: &mut String, src: &Path, functions: &Value) {
    let (sources, in_rust) = (Sources::of(src, "operations"), Sources::of(src, "operations/ops"));
    let functions = functions.as_object().expect("every function is listed");
    let nodes: Vec<(&String, &str)> =
        functions.iter().filter_map(|(name, class)| Some((name, class.as_str()?))).collect();
    let own = |name: &str| {
        let renamed = RENAMED.iter().find(|(keras, _)| *keras == name);
        let function = renamed.map_or(name, |(_, here)| here);
        in_rust.has_function(function).then(|| function.replace('.', "::"))
    };
    // A function without one here may be another name of one that is: it makes the same nodes.
    let other = |name: &str, class: &str| {
        let names = nodes.iter().filter(|(other, same)| *other != name && *same == class);
        names.filter_map(|(other, _)| own(other)).next()
    };
    let rows: Vec<(&String, Option<&str>, Option<String>)> = nodes
        .iter()
        .map(|&(name, class)| {
            (name, sources.operation(class), own(name).or_else(|| other(name, class)))
        })
        .collect();
    let here = rows.iter().filter(|(_, file, _)| file.is_some()).count();
    write!(
        text,
        "\n## keras.ops: {here} of {}\n\n\
         The functions that add a node to a functional model: whether a model of a file may have\n\
         such a node, and the function that adds it in Rust. Arithmetic and comparisons are\n\
         operators of `KerasTensor` too.\n\n\
         | Keras | in files | in Rust |\n|---|---|---|\n",
        rows.len()
    )
    .expect("strings take everything");
    for (name, file, function) in rows {
        let file =
            file.map_or("not here".into(), |file| format!("[yes](../crates/kerros/src/{file})"));
        let function = function.map_or(String::new(), |function| format!("`ops::{function}`"));
        writeln!(text, "| `{name}` | {file} | {function} |").expect("strings take everything");
    }
}

/// Where a name is, here.
struct Place {
    item: String,
    file: String,
}

/// Where Keras's name is: by the registry, or as something defined under that name.
fn place(module: &Module, sources: &Sources, name: &str, src: &Path) -> Option<Place> {
    if let Some((_, folder)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        return Sources::of(src, folder).place(folder, name);
    }
    if name == module.all_are.0 {
        return sources.place(module.folder, module.all_are.1);
    }
    match (module.class)(name) {
        Some(class) => sources
            .place(module.folder, class)
            .or_else(|| sources.place(module.folder, &camel_case(class)))
            // A function that has no class of its own.
            .or_else(|| {
                Some(Place {
                    item: module.folder.into(),
                    file: format!("{}/mod.rs", module.folder),
                })
            }),
        None => sources.place(module.folder, name),
    }
}

/// `hard_silu` as `HardSilu`.
fn camel_case(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    name.split('_').map(word).collect()
}

/// The files of a module, by their path in `src`.
struct Sources(Vec<(String, String)>);

impl Sources {
    fn of(src: &Path, folder: &str) -> Self {
        let mut files = Vec::new();
        let mut open = vec![src.join(folder)];
        while let Some(folder) = open.pop() {
            let entries = std::fs::read_dir(folder).expect("the sources are beside the example");
            for path in entries.map(|entry| entry.expect("folders can be read").path()) {
                match path.is_dir() {
                    true => open.push(path),
                    false => files.push(path),
                }
            }
        }
        files.sort();
        let read = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).expect("sources are text");
            let name = path.strip_prefix(src).expect("it is inside").to_string_lossy();
            (name.replace('\\', "/"), text)
        };
        Sources(files.into_iter().map(read).collect())
    }

    /// The file that declares the operation of this class.
    fn operation(&self, class: &str) -> Option<&str> {
        let declared = format!("{class}(");
        let declares = |text: &str| text.lines().any(|line| line.trim().starts_with(&declared));
        Some(&self.0.iter().find(|(_, text)| declares(text))?.0)
    }

    /// Whether there is a public function of this name, after the name of its file where it has
    /// one: alone, or in a macro that makes many.
    fn has_function(&self, path: &str) -> bool {
        let (module, name) = path.rsplit_once('.').unwrap_or(("", path));
        let begins = |line: &str| {
            let rest = line.trim().strip_prefix("pub fn ").unwrap_or(line.trim());
            rest.strip_prefix(name)
                .is_some_and(|rest| rest.trim_start().starts_with(['(', '<', '=']))
        };
        let defines = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines.windows(2).any(|pair| {
                let is_described =
                    ["///", "#[track_caller]"].iter().any(|s| pair[0].trim().starts_with(s));
                is_described && begins(pair[1])
            })
        };
        // Only the functions of images are in a module of their own.
        let is_there = |file: &str| file.ends_with("/image.rs") == (module == "image");
        self.0.iter().any(|(file, text)| is_there(file) && defines(text))
    }

    /// The file in which something of this name is defined and described.
    fn place(&self, module: &str, name: &str) -> Option<Place> {
        let defines = |text: &str| {
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            lines.iter().enumerate().any(|(at, line)| {
                let kinds = ["pub struct ", "pub trait ", "pub enum "];
                let item = kinds.iter().find_map(|kind| line.strip_prefix(kind));
                // In a macro the name stands alone below its description.
                let is_described = at > 0 && lines[at - 1].starts_with("///");
                let rest =
                    item.or(is_described.then_some(*line)).and_then(|l| l.strip_prefix(name));
                rest.is_some_and(|rest| {
                    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            })
        };
        let (file, _) = self.0.iter().find(|(_, text)| defines(text))?;
        Some(Place { item: format!("{module}::{name}"), file: file.clone() })
    }
}
