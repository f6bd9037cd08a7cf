//! What is sent to a server at the end of an epoch. Needs the feature `remote-monitor`.
#![cfg(feature = "remote-monitor")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use kerros::callbacks::RemoteMonitor;
use kerros::layers::Dense;
use kerros::{Fit, Sequential, Tensor, Verbose};

/// Answers so many requests; each as its first line, its headers in lower case, and its body.
fn server(requests: usize) -> (String, thread::JoinHandle<Vec<(String, String, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let answers = thread::spawn(move || {
        let mut seen = Vec::new();
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                match line.trim_end() {
                    "" => break,
                    line => lines.push(line.to_string()),
                }
            }
            let headers = lines[1..].join("\n").to_lowercase();
            let len = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; len.unwrap().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
            seen.push((lines[0].clone(), headers, String::from_utf8(body).unwrap()));
        }
        seen
    });
    (root, answers)
}

fn fit(monitor: RemoteMonitor) -> Vec<String> {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let x = Tensor::full([4, 1], 1.0f32);
    let mut model = Sequential::new().input([1]).add(Dense::new(1));
    model.compile("sgd", "mse", ()).unwrap();
    let heard = warnings.clone();
    model.on_warning(move |text| heard.lock().unwrap().push(text.to_string()));
    model.fit((&x, &x), Fit::epochs(2).verbose(Verbose::Silent).callback(monitor)).unwrap();
    drop(model);
    Arc::into_inner(warnings).unwrap().into_inner().unwrap()
}

#[test]
fn epochs_are_sent_as_a_form_or_as_json() {
    let (root, answers) = server(2);
    assert!(fit(RemoteMonitor::new(&root)).is_empty());
    let seen = answers.join().unwrap();
    assert_eq!(seen[1].0, "POST /publish/epoch/end/ HTTP/1.1");
    assert!(seen[1].1.contains("content-type: application/x-www-form-urlencoded"));
    assert!(seen[1].2.starts_with("data=%7B%22epoch%22%3A1%2C%22loss%22%3A"), "{}", seen[1].2);

    let (root, answers) = server(2);
    let monitor = RemoteMonitor::new(&root).path("/x").send_as_json(true).header("X-Key", "7");
    assert!(fit(monitor).is_empty());
    let seen = answers.join().unwrap();
    assert_eq!(seen[0].0, "POST /x HTTP/1.1");
    assert!(seen[0].1.contains("content-type: application/json") && seen[0].1.contains("x-key: 7"));
    let body: serde_json::Value = serde_json::from_str(&seen[0].2).unwrap();
    assert_eq!(body["epoch"], 0);
    assert!(body["loss"].is_f64());
}

#[test]
fn a_server_that_is_not_there_is_a_warning() {
    // A port that was free a moment ago, and that nothing listens at.
    let root = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let warnings = fit(RemoteMonitor::new(format!("http://{root}")));
    assert_eq!(warnings.len(), 2);
    assert!(
        warnings[0].contains("RemoteMonitor cannot reach `http://127.0.0.1:"),
        "{}",
        warnings[0]
    );
}
