//! Event files against those that Keras writes: `fixtures/tensorboard.json`. That real TensorBoard
//! reads them is checked by `fixtures/check_tensorboard.py`.

mod keras;

use std::path::Path;

use keras::{EPS, agrees, fixture, numbers, tensor};
use kerros::callbacks::registry;
use kerros::layers::Dense;
use kerros::optimizers::SGD;
use kerros::{Fit, Sequential, Verbose};

/// A field of a protocol buffer message.
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

/// The fields of a message, by number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => Field::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let len = varint(&mut bytes) as usize;
                Field::Bytes(take(&mut bytes, len).to_vec())
            }
            other => panic!("wire type {other}"),
        };
        fields.push((tag >> 3, field));
    }
    fields
}

fn bytes_of(message: &[u8], path: &[u64]) -> Vec<u8> {
    path.iter().fold(message.to_vec(), |message, number| {
        let found = fields(&message).into_iter().find(|(field, _)| field == number);
        match found {
            Some((_, Field::Bytes(bytes))) => bytes,
            _ => panic!("no field {number}"),
        }
    })
}

/// `[folder, step, tag, plugin, values]` of every event.
type Event = (String, u64, String, String, Vec<f64>);

fn events(folder: &Path) -> Vec<Event> {
    let mut found = Vec::new();
    for name in ["train", "validation"] {
        let Ok(entries) = std::fs::read_dir(folder.join(name)) else { continue };
        let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(paths.len(), 1, "one file for a run");
        assert!(paths[0].file_name().unwrap().to_str().unwrap().contains("tfevents"));
        let file = std::fs::read(&paths[0]).unwrap();
        let mut rest = &file[..];
        let mut is_first = true;
        while !rest.is_empty() {
            let len = u64::from_le_bytes(take(&mut rest, 8).try_into().unwrap()) as usize;
            take(&mut rest, 4);
            let event = take(&mut rest, len);
            take(&mut rest, 4);
            if std::mem::take(&mut is_first) {
                assert_eq!(bytes_of(event, &[3]), b"brain.Event:2");
                continue;
            }
            let step = fields(event).into_iter().find_map(|field| match field {
                (2, Field::Number(step)) => Some(step),
                _ => None,
            });
            let value = bytes_of(event, &[5, 1]);
            let text = |path: &[u64]| String::from_utf8(bytes_of(&value, path)).unwrap();
            let content = bytes_of(&value, &[8, 4]);
            let plugin = text(&[9, 1, 1]);
            let values = match plugin.as_str() {
                "scalars" => vec![f32::from_le_bytes(content.try_into().unwrap()).into()],
                _ => content
                    .chunks(8)
                    .map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap()))
                    .collect(),
            };
            found.push((name.to_string(), step.unwrap(), text(&[1]), plugin, values));
        }
    }
    found
}

#[test]
fn events_are_those_of_keras() {
    let file = fixture("tensorboard.json");
    let data = |name: &str| tensor(&file["data"][name]);
    for case in file["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = case["config"].as_object().unwrap().clone();
        config.insert("log_dir".into(), folder.path().to_str().unwrap().into());
        let board = registry::find("TensorBoard").unwrap().build(&config).unwrap();
        let mut model = Sequential::new().name("model").input([3]).add(Dense::new(2).name("dense"));
        model.compile(SGD::new(0.05).momentum(0.5), "mse", ["mae"]).unwrap();
        model.set_weights(&[data("kernel"), data("bias")]).unwrap();
        let (x, y) = (data("x"), data("y"));
        let validation = (x.slice_rows(0..6).unwrap(), y.slice_rows(0..6).unwrap());
        let how = Fit::epochs(3)
            .batch_size(4)
            .shuffle(false)
            .verbose(Verbose::Silent)
            .validation(validation)
            .callback(board);
        model.fit((&x, &y), how).unwrap();
        let keras: Vec<Event> = case["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| {
                let text = |at: usize| event[at].as_str().unwrap().to_string();
                // Keras counts layers of a class over the whole process.
                let tag = match text(2).split('/').collect::<Vec<_>>()[..] {
                    [_, _, weight, what] => format!("model/dense/{weight}/{what}"),
                    _ => text(2),
                };
                (text(0), event[1].as_u64().unwrap(), tag, text(3), numbers(&event[4]))
            })
            .collect();
        let got = events(folder.path());
        // Keras drops the numbers of epochs and evaluations that end between two updates.
        let is_kept = |event: &&Event| {
            name != "three" || keras.iter().any(|keras| (keras.1, &keras.2) == (event.1, &event.2))
        };
        let dropped = got.iter().filter(|event| !is_kept(event));
        assert!(dropped.clone().all(|event| !event.2.starts_with("batch_")));
        assert_eq!(dropped.count(), if name == "three" { 4 } else { 0 });
        let got: Vec<&Event> = got.iter().filter(is_kept).collect();
        let keras: Vec<&Event> = keras.iter().collect();
        let names = |events: &[&Event]| -> Vec<(String, u64, String, String)> {
            let mut names: Vec<_> =
                events.iter().map(|e| (e.0.clone(), e.1, e.2.clone(), e.3.clone())).collect();
            names.sort();
            names
        };
        assert_eq!(names(&got), names(&keras), "{name}");
        for event in keras.iter().filter(|event| !event.2.contains("per_second")) {
            let same =
                |other: &&&Event| (&other.0, other.1, &other.2) == (&event.0, event.1, &event.2);
            let own = got.iter().find(same).unwrap();
            let is_histogram = event.3 == "histograms";
            for (at, (own, keras)) in own.4.iter().zip(&event.4).enumerate() {
                // As in tests/callbacks.rs: 128 roundings are not exceeded. The edges of buckets
                // are as exact as the weights; no weight lies so near to an edge that it
                // changes its bucket.
                let bound = match is_histogram && at % 3 == 2 {
                    true => 0.0,
                    false => 128.0 * EPS * (1.0 + keras.abs()),
                };
                assert!(agrees(*own, *keras, bound), "{name} {event:?} [{at}]: {own}");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_told() {
    let mut config = kerros::Config::new();
    config.insert("write_images".into(), true.into());
    let error = registry::find("TensorBoard").unwrap().build(&config).err().unwrap();
    assert!(error.to_string().contains("unknown argument `write_images`"), "{error}");
    config.remove("write_images");
    config.insert("update_freq".into(), "week".into());
    let error = registry::find("TensorBoard").unwrap().build(&config).err().unwrap();
    assert!(error.to_string().contains("`update_freq` is \"week\""), "{error}");
}
