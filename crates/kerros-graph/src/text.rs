//! The text form of graphs: one line per node, read back to the same graph.
//!
//! ```text
//! %0 = input[index=0; name=x; dtype=float32; shape=3]() : float32[3]
//! %1 = unary[function=tanh](%0) : float32[3] // layer `tanh`
//! %2 <- %1
//! ```
//! A line with `<-` is a state update.

use std::fmt::Write;

use kerros_core::{Error, ErrorKind, Origin, Result};

use crate::attributes::Attributes;
use crate::graph::{Graph, NodeId};
use crate::ops::Op;

/// Writes a graph.
pub fn print(graph: &Graph) -> String {
    let mut text = String::new();
    for (at, node) in graph.nodes().iter().enumerate() {
        let Attributes(attributes) = node.op.attributes();
        let attributes: Vec<String> =
            attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let attributes = match attributes.is_empty() {
            true => String::new(),
            false => format!("[{}]", attributes.join("; ")),
        };
        let inputs: Vec<String> = node.inputs.iter().map(|id| format!("%{}", id.0)).collect();
        let name = node.op.name();
        let inputs = inputs.join(", ");
        // Writing to a `String` cannot fail.
        let _ = write!(text, "%{at} = {name}{attributes}({inputs}) : {}", node.ty);
        if let Some(layer) = &node.origin.layer {
            let _ = write!(text, " // {layer}");
        }
        text.push('\n');
    }
    for (state, value) in graph.updates() {
        let _ = writeln!(text, "%{} <- %{}", state.0, value.0);
    }
    text
}

/// Reads a graph back.
///
/// # Errors
/// [`ErrorKind::Format`] naming the line; a node whose type is not what its shape rule says.
pub fn parse(text: &str) -> Result<Graph> {
    let graph = Graph::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let done = parse_line(&graph, line);
        done.map_err(|error| error.context(format!("line {}", number + 1)))?;
    }
    graph.check()?;
    Ok(graph)
}

fn parse_line(graph: &Graph, line: &str) -> Result<()> {
    let unreadable = || {
        Error::new(ErrorKind::Format, format!("`{line}` is not a node or an update"))
            .expected("`%N = name[attributes](inputs) : type` or `%N <- %M`")
    };
    let known = |text: &str| -> Result<NodeId> {
        let id = text.trim().strip_prefix('%').and_then(|n| n.parse().ok()).map(NodeId);
        let id = id.filter(|id| id.index() < graph.nodes().len());
        id.ok_or_else(|| {
            Error::new(ErrorKind::Format, format!("`{}` is no earlier node", text.trim()))
        })
    };
    if let Some((state, value)) = line.split_once("<-") {
        graph.assign(graph.node(known(state)?), graph.node(known(value)?));
        return Ok(());
    }
    let (place, rest) = line.split_once(" = ").ok_or_else(unreadable)?;
    let split = rest.find(['[', '(']).ok_or_else(unreadable)?;
    let (name, rest) = rest.split_at(split);
    let (attributes, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("](").ok_or_else(unreadable)?,
        None => ("", &rest[1..]),
    };
    let (inputs, rest) = rest.split_once(") : ").ok_or_else(unreadable)?;
    let (ty, layer) = match rest.split_once(" // ") {
        Some((ty, layer)) => (ty, Some(layer)),
        None => (rest, None),
    };
    let attributes = attributes
        .split("; ")
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map(|(key, value)| (key.into(), value.into())))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(unreadable)?;
    let op = Op::from_attributes(name, &Attributes(attributes))?.ok_or_else(|| {
        Error::new(ErrorKind::Format, format!("unknown operation `{name}`"))
            .expected(Op::NAMES.join(", "))
    })?;
    let inputs = inputs
        .split(", ")
        .filter(|input| !input.is_empty())
        .map(|input| known(input).map(|id| graph.node(id)))
        .collect::<Result<Vec<_>>>()?;
    let origin = Origin { layer: layer.map(Into::into), location: None };
    let node = graph.scope(origin, || graph.apply(op, &inputs));
    graph.check()?;
    let found = node.ty().to_string();
    if found != ty || format!("%{}", node.id().0) != place {
        return Err(Error::new(ErrorKind::Format, format!("`{place} : {ty}`"))
            .expected(format!("%{} : {found}", node.id().0)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kerros_core::DType;

    use super::*;
    use crate::grad;
    use crate::graph::StateId;

    #[test]
    fn a_training_step_reads_back_as_itself() {
        let graph = Graph::new();
        let x = graph.input("x", [4, 3], DType::F32);
        let y = graph.input("y", [4], DType::I32);
        let w = graph.state(StateId(0), "w", [3, 2], DType::F32);
        let loss = x.matmul(w).softmax_cross_entropy(y).mean_all();
        let dw = grad(loss, &[w]).unwrap()[0];
        graph.assign(w, w - dw * 0.1);
        let text = print(&graph);
        let again = parse(&text).unwrap();
        assert_eq!(print(&again), text);
        crate::verify::verify(&again).unwrap();
    }

    #[test]
    fn bad_lines_are_named() {
        let error = parse("%0 = literal[value=float32 2 : 1 2]() : float32[2]\n%1 = nope(%0) : x");
        let error = error.err().unwrap().to_string();
        assert!(error.starts_with("line 2: unknown operation `nope`"), "{error}");
        assert!(parse("%0 = unary[function=exp](%7) : float32[]").is_err());
        assert!(parse("gibberish").is_err());
    }
}
