use std::time::{Duration, Instant};

use pretty_assertions::assert_eq;
use proptest::prelude::*;

use super::convert;
use crate::webfetch::text;

#[test]
fn pages_become_what_the_reference_makes_of_them() {
    // Recorded from the reference program.
    for (html, wanted) in [
        ("", ""),
        (
            "<html><head><title>My  Title</title><meta charset=utf-8><style>b{}</style></head><body>x</body>",
            "My Title\n\nx",
        ),
        (
            "<h1>Head <em>it</em></h1><p>Some  <b>bold</b></p>",
            "# Head *it*\n\nSome **bold**",
        ),
        (
            "<p>and <a href=\"/l\" title='t\"q'>link (x)</a>.",
            "and [link (x)](/l \"t\\\"q\").",
        ),
        (
            "<p>snake_case *star* [br] `tick` 1. x</p>",
            "snake\\_case \\*star\\* \\[br\\] \\`tick\\` 1. x",
        ),
        (
            "<p>- dash</p><p>+ plus</p><p># hash</p><p>&gt; gt</p>",
            "\\- dash\n\n\\+ plus\n\n\\# hash\n\n\\> gt",
        ),
        (
            "<p>1. one</p><p>=== eq</p><p>a\\b</p>",
            "1\\. one\n\n\\=== eq\n\na\\\\b",
        ),
        (
            "<ul><li>one</li><li>two<ul><li>deep</li><li>deep2</li></ul></li></ul>",
            "-   one\n-   two\n    -   deep\n    -   deep2",
        ),
        (
            "<ol start=3><li>three</li><li>four</li></ol>",
            "3.  three\n4.  four",
        ),
        (
            "<blockquote><p>quote</p><p>more</p></blockquote>",
            "> quote\n> \n> more",
        ),
        (
            "<pre><code class=\"language-rust\">fn a() {\n  b();\n}\n</code></pre>",
            "```rust\nfn a() {\n  b();\n}\n```",
        ),
        (
            "<p><code>in`line</code> <code>  sp  </code></p>",
            "``in`line`` `sp`",
        ),
        ("<p>a</p><hr><p>line<br>break</p>", "a\n\n---\n\nline  \nbreak"),
        (
            "<img src=\"i.png\" alt=\"al t\"><img alt=none><a>no href</a><a href=\"x\"><img src=y></a>",
            "![al t](i.png)no href[![](y)](x)",
        ),
        (
            "<dl><dt>T</dt><dd>D</dd></dl><div>div1</div><div>div2 <span> sp </span> x</div>",
            "T\n\nD\n\ndiv1\n\ndiv2 sp x",
        ),
        ("<b> lead</b>x<i>trail </i>y", "**lead**x*trail* y"),
        (
            "<p>&amp; &lt;tag&gt; &nbsp;nb &copy; &#x41;</p>",
            "& <tag> \u{a0}nb © A",
        ),
        ("<p></p><p>x</p><a href=\"q\"></a><strong></strong>", "x\n\n[](q)"),
        ("<noscript>no script</noscript><h1>h</h1>", "no script\n\n# h"),
        (
            "<html><head><title>T</title><style>b{}</style><script>x()</script></head><body><h1>Head</h1>\
             <p>Some <b>bold</b> and <a href=\"/l\">link</a>.</p><ul><li>one</li><li>two</li></ul>\
             <pre><code>a = 1</code></pre></body></html>",
            "T\n\n# Head\n\nSome **bold** and [link](/l).\n\n-   one\n-   two\n\n```\na = 1\n```",
        ),
    ] {
        assert_eq!(convert(html), wanted, "{html}");
    }
}

#[test]
fn loose_pages_are_understood() {
    for (html, wanted) in [
        ("plain", "plain"),
        ("<p>one<p>two <b>bold<p>three", "one\n\ntwo **bold**\n\nthree"),
        (
            "<ul><li>one<li>two<ul><li>deep</ul><li>three</ul>end",
            "-   one\n-   two\n    -   deep\n-   three\n\nend",
        ),
        (
            "<ul><li><p>para</p><p>more</p></li></ul>",
            "-   para\n    \n    more",
        ),
        ("<li>alone", "-   alone"),
        ("</p></b></nothing>x", "x"),
        ("<b><ul><li>x</b>y</ul>z", "**-   xy\n\nz**"),
        ("<div>a<div>b</div></div>c", "a\n\nb\n\nc"),
        ("a\n<script>if (x < y) z('</div>')</script>\nb", "a b"),
        ("<template><p>no</p><template>no</template></template>yes", "yes"),
        ("<svg><path/><path/><title>t</title></svg>x", "t\n\nx"),
        ("<a href='(x)'><div>block</div></a>", "[block](\\(x\\))"),
        ("<p>a <b><i> x</i></b> c", "a ***x*** c"),
        ("<p>a<br>  b<br><br>c", "a  \nb  \n  \nc"),
        ("<code>a\n b</code><code></code><code>`</code>", "`a b``` ` ``"),
        (
            "<ol start=9223372036854775807><li>a<li>b</ol>",
            "9223372036854775807.  a\n9223372036854775807.  b",
        ),
        ("<h2>a<br>b</h2><h3></h3>", "## a b"),
    ] {
        assert_eq!(convert(html), wanted, "{html}");
    }
}

#[test]
fn listings_keep_their_form() {
    for (html, wanted) in [
        ("<pre>plain  pre\n *x*\n</pre>", "```\nplain  pre\n *x*\n```"),
        ("<pre>\n\n  a\n\n\n\n  b</pre>", "```\n\n  a\n\n\n\n  b\n```"),
        (
            "<pre class='language-c'>x<br>y <b>z</b> <a href=q>l</a></pre>",
            "```c\nx\ny z l\n```",
        ),
        ("<pre><div>  a</div><div>b</div></pre>", "```\n  a\nb\n```"),
        ("<pre><code>a\n```\nb</code></pre>", "````\na\n```\nb\n````"),
        ("<li><pre>a\nb</pre></li>", "-   ```\n    a\n    b\n    ```"),
    ] {
        assert_eq!(convert(html), wanted, "{html}");
    }
}

#[test]
fn tables_of_data_are_tables() {
    for (html, wanted) in [
        (
            "<table><caption>C</caption><thead><tr><th>A</th><th>B</th></tr></thead>\
             <tbody><tr><td>1</td><td>2|3</td></tr><tr><td>x<br>y</td></tr></tbody></table>after",
            "C\n\n| A | B |\n| --- | --- |\n| 1 | 2\\|3 |\n| x<br>y |\n\nafter",
        ),
        (
            "<table><tr><td>a<td>b<tr><td>c<td>d</table>",
            "| a | b |\n| --- | --- |\n| c | d |",
        ),
        // One row, one column or whole paragraphs: the table only lays the page out.
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a\n\nb"),
        ("<table><tr><td>a</td></tr><tr><td>b</td></tr></table>", "a\n\nb"),
        (
            "<table><tr><td><p>a<p>b</td><td>c</td></tr><tr><td>d</table>",
            "a\n\nb\n\nc\n\nd",
        ),
        (
            "<table><tr><td><table><tr><td>in</table></td><td>out</td></tr></table>",
            "in\n\nout",
        ),
        ("<tr><td>no table</td></tr>", "no table"),
        ("<td>x</td>", "x"),
    ] {
        assert_eq!(convert(html), wanted, "{html}");
    }
}

#[test]
fn absurd_pages_cost_little() {
    let many = 20_000;
    let formats: String = (0..5_000).map(|number| format!("<b a{number}>")).collect();
    for (name, html) in [
        ("deep", "<div>".repeat(many) + "x"),
        ("deep and ended", "<div>x".repeat(many) + &"</div>".repeat(many)),
        ("deep lists", "<ul><li>x<br>y".repeat(many)),
        ("deep quotes", "<blockquote>x<br>".repeat(many)),
        ("deep tables", "<table><tr><td>".repeat(many)),
        ("deep links", "<a href=x>y".repeat(many)),
        ("formats and paragraphs", formats + &"<p>x".repeat(5_000)),
        ("equal neighbours", "<b>x</b>".repeat(many)),
        (
            "wide table",
            format!(
                "<table><tr>{}</tr>{}",
                "<td>x".repeat(many),
                "<tr><td>y".repeat(many)
            ),
        ),
        ("no ends", "<p>x</q></div></b>".repeat(many)),
        ("breaks", "<br>".repeat(many)),
        ("backticks", format!("<code>{}</code>", "` ".repeat(many))),
        ("rows", "<tr><td><tr>".repeat(many)),
    ] {
        let start = Instant::now();
        let markdown = convert(&html);
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{name}: {:?}",
            start.elapsed()
        );
        assert!(markdown.len() < 16 << 20, "{name}: {}", markdown.len());
    }
}

#[test]
fn what_lies_too_deep_is_kept_as_text() {
    let html = format!("{}<p>one</p><p>two <b>three</b></p>", "<div>".repeat(1000));
    assert_eq!(convert(&html), "one two three");
}

proptest! {
    #[test]
    fn any_page_is_converted(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "<p>", "</p>", "<ul>", "</ul>", "<ol start=-3>", "</ol>", "<li>", "</li>", "<b>", "</b>", "<i>", "</i>",
                "<a href='x'>", "</a>", "<pre>", "</pre>", "<code class=language-x>", "</code>", "<table>", "</table>",
                "<tr>", "</tr>", "<td>", "</td>", "<th>", "<tbody>", "</tbody>", "<blockquote>", "</blockquote>",
                "<h1>", "</h1>", "<br>", "<hr/>", "<img src=y>", "<script>", "</script>", "<template>", "</template>",
                "<title>", "</title>", "<div", ">", "<", "&amp;", "&", " ", "\n", "1. ", "- ", "`", "*", "text", "é😀",
            ]),
            0..80,
        )
    ) {
        let html: String = pieces.concat();
        let markdown = convert(&html);
        prop_assert_eq!(markdown.trim_matches(['\n', ' ']), &markdown);
        let text = text::convert(&html);
        prop_assert_eq!(text.trim(), &text);
    }
}
