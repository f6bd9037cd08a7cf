//! The verifier catches graphs that no pass may build.

use kerros_core::{DType, ErrorKind};
use kerros_graph::ops::{Input, Unary};
use kerros_graph::verify::verify;
use kerros_graph::{Graph, StateId, Type, text};

fn complaint(graph: &Graph) -> String {
    let error = verify(graph).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    error.to_string()
}

#[test]
fn a_sound_graph_passes() {
    let graph = Graph::new();
    let x = graph.input("x", [2, 3], DType::F32);
    let w = graph.state(StateId(0), "w", [3], DType::F32);
    graph.assign(w, (x * w).sum(&[0]));
    verify(&graph).unwrap();
}

#[test]
fn a_node_of_another_graph_that_is_not_made_yet() {
    let other = Graph::new();
    let mut far = other.input("a", [3], DType::F32);
    for _ in 0..5 {
        far = far.exp() + 1.0;
    }
    let graph = Graph::new();
    graph.input("x", [3], DType::F32);
    graph.apply(Unary { function: kerros_core::program::Unary::Exp }, &[far]);
    assert!(complaint(&graph).contains("before it is made"), "{}", complaint(&graph));
}

#[test]
fn a_node_of_another_graph_of_another_type() {
    let other = Graph::new();
    let foreign = other.input("a", [4], DType::F32);
    let graph = Graph::new();
    graph.input("x", [3], DType::F32);
    graph.apply(Unary { function: kerros_core::program::Unary::Exp }, &[foreign]);
    assert!(complaint(&graph).contains("its rule says"), "{}", complaint(&graph));
}

#[test]
fn two_inputs_in_one_place() {
    let graph = Graph::new();
    for name in ["a", "b"] {
        graph.apply(Input { index: 0, name: name.into(), ty: Type::f32([2]) }, &[]);
    }
    assert!(complaint(&graph).contains("shares input place 0"), "{}", complaint(&graph));
}

#[test]
fn mistakes_made_while_building_are_reported() {
    let graph = Graph::new();
    let a = graph.input("a", [2, 3], DType::F32);
    let _ = a.matmul(a);
    assert_eq!(verify(&graph).unwrap_err().kind(), ErrorKind::Shape);
    let graph = Graph::new();
    let a = graph.input("a", [2], DType::F32);
    graph.assign(a, a);
    assert_eq!(verify(&graph).unwrap_err().kind(), ErrorKind::Shape);
}

#[test]
fn broken_texts_are_refused() {
    let good = "%0 = input[index=0; name=x; dtype=float32; shape=3]() : float32[3]\n\
                %1 = unary[function=exp](%0) : float32[3]\n";
    verify(&text::parse(good).unwrap()).unwrap();
    for (from, to) in [
        ("(%0)", "(%1)"),
        ("(%0)", "(%9)"),
        ("(%0)", "()"),
        ("(%0)", "(%0, %0)"),
        ("exp](%0) : float32[3]", "exp](%0) : float32[4]"),
        ("function=exp", "function=none"),
        ("function=exp", ""),
        ("unary[", "unaryy["),
        ("%1 =", "%2 ="),
        ("shape=3", "shape=-3"),
        ("dtype=float32", "dtype=float16"),
    ] {
        let broken = good.replacen(from, to, 1);
        assert_ne!(broken, good);
        assert!(text::parse(&broken).is_err(), "{broken}");
    }
}
