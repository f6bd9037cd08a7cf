//! Lists of names in attributes, which HDF5 allows 64 KB of: longer ones stand in parts.

use super::super::archive::{Attribute, Group};

/// Bytes of an attribute in a group's header. Keras splits longer lists.
pub(super) const MAX_ATTRIBUTE_BYTES: usize = 64_512;

/// Bytes that one text of variable length takes in a header: the text itself lies elsewhere.
const REFERENCE_BYTES: usize = 16;

/// The list `name`, or `name0`, `name1` ... where it was split; empty when there is none.
pub(super) fn names(group: &Group, name: &str) -> Vec<String> {
    if let Some(attribute) = group.attribute(name) {
        return list(attribute);
    }
    let parts = (0..).map_while(|part| group.attribute(&format!("{name}{part}")));
    parts.flat_map(list).collect()
}

fn list(attribute: &Attribute) -> Vec<String> {
    match attribute {
        Attribute::Texts(names) => names.clone(),
        Attribute::Text(name) => vec![name.clone()],
    }
}

/// Sets the list `name`, in parts where it is long.
pub(super) fn set_names(group: &mut Group, name: &str, names: Vec<String>) {
    let most = MAX_ATTRIBUTE_BYTES / REFERENCE_BYTES;
    if names.is_empty() {
        return;
    }
    if names.len() <= most {
        group.set_attribute(name, Attribute::Texts(names));
        return;
    }
    for (part, names) in names.chunks(most).enumerate() {
        group.set_attribute(format!("{name}{part}"), Attribute::Texts(names.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_go_through_in_parts() {
        for count in [0, 1, 4032, 4033, 10_000] {
            let all: Vec<String> = (0..count).map(|number| format!("layer_{number}")).collect();
            let mut group = Group::default();
            set_names(&mut group, "layer_names", all.clone());
            assert_eq!(group.attribute("layer_names").is_some(), (1..=4032).contains(&count));
            assert_eq!(names(&group, "layer_names"), all);
        }
    }
}
