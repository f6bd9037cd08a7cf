use super::*;

fn table(text: &str, options: &CsvOptions) -> Result<CsvTable> {
    read_from(text.as_bytes(), options)
}

fn message(text: &str, options: &CsvOptions) -> String {
    table(text, options).unwrap_err().message().to_string()
}

#[test]
fn numbers_spaces_quotes_and_byte_order_marks_are_read() {
    let text = "\u{feff}a, b ,c\r\n1,\" 2.5\",-3e2\r\n 4 ,.5,inf\r\n\r\n";
    let table = table(text, &CsvOptions::new()).unwrap();
    assert_eq!(table.feature_names, ["a", "b", "c"]);
    assert_eq!(table.x.shape().dims(), [2, 3]);
    assert_eq!(table.x.to_vec_f64(), [1.0, 2.5, -300.0, 4.0, 0.5, f64::INFINITY]);
    assert_eq!(table.y, None);
    assert!(table.into_dataset("t").is_err());
}

#[test]
fn columns_are_found_by_name_and_position() {
    let text = "id;x;y\n7;1;0.5\n8;2;1.5\n";
    let by_name = CsvOptions::new().delimiter(b';').ignore("id").target("y");
    let by_position = CsvOptions::new().delimiter(b';').ignore(0).target(-1);
    let table_by_name = table(text, &by_name).unwrap();
    assert_eq!(table_by_name, table(text, &by_position).unwrap());
    assert_eq!(table_by_name.feature_names, ["x"]);
    assert_eq!(table_by_name.target_names, ["y"]);
    let data = table_by_name.into_dataset("small").unwrap();
    assert_eq!(data.y.as_slice::<f32>().unwrap(), [0.5, 1.5]);
    assert_eq!((data.name.as_str(), data.classes), ("small", None));
    assert_eq!(
        message("a,b\n1,2\n", &CsvOptions::new().target("c")),
        "the table has no column `c`"
    );
    assert_eq!(
        message("a,a\n1,2\n", &CsvOptions::new().target("a")),
        "several columns are named `a`"
    );
    assert_eq!(
        message("1,2\n", &CsvOptions::new().header(false).target(-3)),
        "column -3 of a table of 2 columns"
    );
    assert_eq!(
        message("1,2\n", &CsvOptions::new().header(false).target("a")),
        "column `a` is named, but the table is read without a header"
    );
    assert_eq!(
        message("a,b\n1,2\n", &CsvOptions::new().target("b").ignore(1)),
        "column 2 is a target and is named again"
    );
}

#[test]
fn text_targets_become_sorted_classes() {
    let options = CsvOptions::new().header(false).target(-1);
    let table = table("1,dog\n2,cat\n3,dog\n4,ant\n", &options).unwrap();
    assert_eq!(table.y.unwrap().as_slice::<i32>().unwrap(), [2, 1, 2, 0]);
    assert_eq!(table.class_names, ["ant", "cat", "dog"]);
    assert_eq!(table.classes, Some(3));
    assert!(table.feature_names.is_empty());
}

#[test]
fn whole_numbers_are_classes_only_when_none_is_left_out() {
    let options = CsvOptions::new().target("y");
    let read = |text: &str, options: &CsvOptions| table(text, options).unwrap();
    let classes = read("y\n1\n0\n2\n1\n", &options);
    assert_eq!(classes.classes, Some(3));
    assert_eq!(classes.y.unwrap().as_slice::<i32>().unwrap(), [1, 0, 2, 1]);
    for text in ["y\n1\n3\n3\n3\n", "y\n-1\n0\n1\n", "y\n0\n0.5\n1\n", "y\n0\n1e300\n"] {
        let quantities = read(text, &options);
        assert_eq!(quantities.classes, None, "{text}");
        assert_eq!(quantities.y.unwrap().dtype(), kerros_core::DType::F32);
    }
    let told = read("y\n10\n9\n10\n", &options.clone().target_kind(TargetKind::Classes));
    assert_eq!(told.class_names, ["10", "9"]);
    let told = read("y\n0\n1\n", &options.target_kind(TargetKind::Numbers));
    assert_eq!(told.y.unwrap().as_slice::<f32>().unwrap(), [0.0, 1.0]);
}

#[test]
fn several_targets_stand_side_by_side() {
    let options = CsvOptions::new().target("v").target("u");
    let pair = table("u,x,v\n1,2,3\n4,5,6\n", &options).unwrap();
    assert_eq!(pair.y.unwrap().to_vec_f64(), [3.0, 1.0, 6.0, 4.0]);
    assert_eq!(pair.target_names, ["v", "u"]);
    let error = table("u,x,v\n1,2,a\n4,5,b\n", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn errors_name_line_and_column() {
    let options = CsvOptions::new().target("y");
    assert_eq!(
        message("x,y\n1,0\nred,1\n", &options),
        "line 3, column 1 (`x`): \"red\" is not a number"
    );
    assert_eq!(
        message(
            "x,y\n1,0\n\"2\n3\",1\nNA,1\n",
            &CsvOptions::new().target("y").ignore("x").target("x")
        ),
        "column 1 is a target and is named again"
    );
    assert_eq!(
        message("x,y\n1,0\n,1\n", &options),
        "line 3, column 1 (`x`): the number is missing"
    );
    assert_eq!(message("x,y\n1,\n", &options), "line 2, column 2 (`y`): the target is missing");
    assert_eq!(
        message("x,y\n1,0\n1,1x\n", &options),
        "line 3, column 2 (`y`): \"1x\" is not a number"
    );
    assert_eq!(message("x,y\n1,a\n1,1\n", &options), "line 3, column 2 (`y`): \"1\" is a number");
    let error = table("x,y\n1,0\n1,2,3\n", &options).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Format, "line 3: the line has 3 fields")
    );
    let error = read_from(&b"x,y\n1,0\n1,\xff\n"[..], &options).unwrap_err();
    assert_eq!(error.message(), "line 3: field 2 is not UTF-8 text");
    assert_eq!(message("x,y\n", &options), "the table has no rows");
    assert_eq!(message("", &CsvOptions::new()), "the table has no rows");
}

#[test]
fn missing_features_are_filled_when_told() {
    let options = CsvOptions::new().header(false).fill_missing(-1.0);
    let filled = table("1,?\n,NaN\nn/a,2\n", &options).unwrap();
    assert_eq!(filled.x.to_vec_f64(), [1.0, -1.0, -1.0, -1.0, -1.0, 2.0]);
    assert!(message("1,red\n", &options).contains("\"red\" is not a number"));
}

#[test]
fn files_are_named_in_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, "a\n1\nx\n").unwrap();
    let error = read(&path, &CsvOptions::new()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("reading `{}`: line 3", path.display())));
    let error = read(folder.path().join("none.csv"), &CsvOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
