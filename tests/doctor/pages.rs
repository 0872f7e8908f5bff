//! Every page that the doctor names is there.

use std::fs;

#[test]
fn the_pages_of_the_runbook_are_there() {
    let mut named = Vec::new();
    for entry in fs::read_dir("src/doctor").unwrap().chain(fs::read_dir("src/app").unwrap()) {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let pages = text.split('"').filter(|text| text.contains(".md#") && !text.contains(' '));
        named.extend(pages.map(str::to_owned));
    }
    named.sort();
    named.dedup();
    assert!(named.len() >= 9, "{named:?}");
    for page in &named {
        let (file, anchor) = page.split_once('#').unwrap();
        let text =
            fs::read_to_string(format!("deploy/runbook/{}", file.trim_start_matches("deploy/runbook/"))).unwrap();
        let titles = text.lines().filter_map(|line| line.strip_prefix("## "));
        let mut anchors = titles.map(|title| title.to_lowercase().replace(' ', "-"));
        assert!(anchors.any(|one| one == anchor), "{page}");
    }
}
