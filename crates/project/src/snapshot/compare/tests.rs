use proptest::prelude::*;

use super::*;

#[test]
fn data_and_counts_of_a_file_meet() {
    let old = "1".repeat(40);
    let new = "2".repeat(40);
    let none = "0".repeat(40);
    let output = format!(
        ":100644 000000 {old} {none} D\0:gone\0:000000 160000 {none} {new} A\0nested\0\
         :100644 120000 {old} {new} T\0a\tb\0:100644 100644 {old} {new} M\0bin\0\
         0\t3\t:gone\x001\t0\tnested\x001\t2\ta\tb\0-\t-\tbin\0"
    );
    let seen: Vec<_> = parse(output.as_bytes())
        .into_iter()
        .map(|change| {
            (
                String::from_utf8(change.path).unwrap(),
                change.status,
                change.sides,
                change.counts,
            )
        })
        .collect();
    let (old, new) = (Some(old), Some(new));
    let wanted = [
        (":gone", FileStatus::Deleted, [old.clone(), None], Some((0, 3))),
        ("nested", FileStatus::Added, [None, None], Some((1, 0))),
        (
            "a\tb",
            FileStatus::Modified,
            [old.clone(), new.clone()],
            Some((1, 2)),
        ),
        ("bin", FileStatus::Modified, [old, new], None),
    ];
    let wanted = wanted.map(|(path, status, sides, counts)| (path.to_owned(), status, sides, counts));
    pretty_assertions::assert_eq!(seen, wanted);
}

#[test]
fn headers_tell_contents_from_the_rest() {
    for (line, wanted) in [
        ("abc blob 12", Some(("abc".to_owned(), 12))),
        ("abc tree 12", None),
        ("abc missing", None),
        ("abc blob -1", None),
        ("", None),
    ] {
        assert_eq!(header(line), wanted, "{line}");
    }
}

proptest! {
    #[test]
    fn any_output_is_taken(output in "(:|[0-9]|-|\\t|\\x00| |[a-c]){0,60}") {
        prop_assert!(parse(output.as_bytes()).len() <= output.matches(':').count());
    }
}
