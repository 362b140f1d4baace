//! `opencode stats` (reference `cli.md` §8, `sessions.md` §9): what was used, in boxes.

use opencode_schema::config::Limits;
use opencode_schema::time::{Millis, now};
use opencode_session::Use;
use opencode_store::{Statistics, StatisticsFilter};

use crate::arguments::Stats;
use crate::context::Context;
use crate::failure::Failure;

/// Characters between the borders.
const WIDTH: usize = 56;
/// Blocks of the longest bar.
const BAR: usize = 20;
/// Characters of a tool's name.
const NAME: usize = 18;
const DAY: Millis = 24 * 60 * 60 * 1000;

/// Prints what was used.
pub(crate) async fn run(context: &Context, arguments: Stats) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let project_id = match arguments.project.as_deref() {
        Some("") => Some(engine.location(&context.directory()?).await?.project_id.clone()),
        other => other.map(str::to_owned),
    };
    let filter = StatisticsFilter {
        project_id,
        updated_from: arguments.days.map(since),
    };
    let found = engine.store().read(move |view| view.statistics(&filter)).await;
    // Statistics are had where configuration is wrong, too.
    let location = engine.location(&context.directory()?).await.ok();
    let limits = match location.filter(|location| location.config.limits.is_some()) {
        Some(location) => {
            let today = engine.spending_of_today(&location.config).await?;
            limits(&today, location.config.limits.as_ref())
        }
        None => Vec::new(),
    };
    engine.shutdown().await;
    let mut lines = lines(&found?, &arguments);
    lines.extend(limits);
    context.output.data(lines.join("\n"))
}

/// The beginning of so many days: of today, or so many times 24 hours ago.
fn since(days: u32) -> Millis {
    if days > 0 {
        return now() - Millis::from(days) * DAY;
    }
    let today = jiff::Zoned::now().start_of_day();
    today.map_or_else(|_| now() - DAY, |today| today.timestamp().as_millisecond())
}

fn lines(found: &Statistics, arguments: &Stats) -> Vec<String> {
    let days = match (arguments.days, found.span) {
        (Some(days), _) => u64::from(days.max(1)),
        (None, Some((first, last))) => (last - first).max(1).unsigned_abs().div_ceil(DAY.unsigned_abs()),
        (None, None) => 0,
    };
    let tokens = &found.tokens;
    let total = tokens.input + tokens.output + tokens.reasoning + tokens.cache.read + tokens.cache.write;
    let per = |amount: f64, count: u64| if count == 0 { 0.0 } else { amount / count as f64 };
    let mut lines = boxed(
        23,
        "OVERVIEW",
        &[vec![
            row("Sessions", &grouped(found.sessions)),
            row("Messages", &grouped(found.messages)),
            row("Days", &days.to_string()),
        ]],
    );
    lines.push(String::new());
    lines.extend(boxed(
        20,
        "COST & TOKENS",
        &[vec![
            row("Total Cost", &format!("${:.2}", found.cost)),
            row("Avg Cost/Day", &format!("${:.2}", per(found.cost, days))),
            row(
                "Avg Tokens/Session",
                &short(per(total as f64, found.sessions).round()),
            ),
            row("Median Tokens/Session", &short(found.median_tokens.round())),
            row("Input", &short(tokens.input as f64)),
            row("Output", &short(tokens.output as f64)),
            row("Cache Read", &short(tokens.cache.read as f64)),
            row("Cache Write", &short(tokens.cache.write as f64)),
        ]],
    ));
    lines.push(String::new());
    if let Some(limit) = arguments.models
        && !found.models.is_empty()
    {
        lines.extend(boxed(
            22,
            "MODEL USAGE",
            &models(found, limit.unwrap_or(usize::MAX)),
        ));
    }
    lines.push(String::new());
    if !found.tools.is_empty() {
        lines.extend(boxed(22, "TOOL USAGE", &[tools(found, arguments.tools)]));
    }
    lines.push(String::new());
    lines
}

/// What may be spent, where configuration says anything of it (beyond the reference).
fn limits(today: &Use, limits: Option<&Limits>) -> Vec<String> {
    let cost = limits.and_then(|limits| limits.cost).unwrap_or_default();
    let tokens = limits.and_then(|limits| limits.tokens).unwrap_or_default();
    let money = |label: &str, limit: Option<f64>| limit.map(|limit| row(label, &format!("${limit:.2}")));
    let number = |label: &str, limit: Option<u64>| limit.map(|limit| row(label, &short(limit as f64)));
    let spent = today.spent;
    let rows = [
        cost.day
            .map(|limit| row("Cost Today", &format!("${:.2} of ${limit:.2}", spent.cost))),
        tokens.day.map(|limit| {
            let used = short(spent.tokens as f64);
            row("Tokens Today", &format!("{used} of {}", short(limit as f64)))
        }),
        money("Cost of a Session, at most", cost.session),
        money("Cost of a Run, at most", cost.run),
        number("Tokens of a Session, at most", tokens.session),
        number("Tokens of a Run, at most", tokens.run),
    ];
    let rows: Vec<String> = rows.into_iter().flatten().collect();
    if rows.is_empty() {
        return rows;
    }
    boxed(25, "LIMITS", &[rows])
}

fn models(found: &Statistics, limit: usize) -> Vec<Vec<String>> {
    let group = |model: &opencode_store::ModelUse| {
        vec![
            format!(" {:<54} ", model.name),
            row("  Messages", &grouped(model.messages)),
            row("  Input Tokens", &short(model.tokens.input as f64)),
            row("  Output Tokens", &short(model.tokens.output as f64)),
            row("  Cache Read", &short(model.tokens.cache.read as f64)),
            row("  Cache Write", &short(model.tokens.cache.write as f64)),
            row("  Cost", &format!("${:.4}", model.cost)),
        ]
    };
    found.models.iter().take(limit).map(group).collect()
}

fn tools(found: &Statistics, limit: Option<usize>) -> Vec<String> {
    let all: u64 = found.tools.iter().map(|(_, count)| count).sum();
    let most = found.tools.first().map_or(1, |(_, count)| *count).max(1);
    // Parity: cli.md §8, none means all.
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let line = |(name, count): &(String, u64)| {
        let blocks = usize::try_from(count * BAR as u64 / most).unwrap_or(BAR).max(1);
        let bar = "█".repeat(blocks);
        let percent = format!("{:.1}", *count as f64 / all as f64 * 100.0);
        let name = if name.chars().count() > NAME {
            format!("{}..", name.chars().take(NAME - 2).collect::<String>())
        } else {
            name.clone()
        };
        format!(
            "{:<WIDTH$}",
            format!(" {name:<NAME$} {bar:<BAR$} {count:>3} ({percent:>4}%)")
        )
    };
    found.tools.iter().take(limit).map(line).collect()
}

/// Groups of lines with a border around them, and lines between them. The title is indented so far.
fn boxed(indent: usize, title: &str, groups: &[Vec<String>]) -> Vec<String> {
    let rule = |left, right| format!("{left}{}{right}", "─".repeat(WIDTH));
    let title = format!("{}{title}", " ".repeat(indent));
    let mut lines = vec![rule("┌", "┐"), format!("│{title:<WIDTH$}│")];
    for group in groups {
        lines.push(rule("├", "┤"));
        lines.extend(group.iter().map(|line| format!("│{line}│")));
    }
    lines.push(rule("└", "┘"));
    lines
}

fn row(label: &str, value: &str) -> String {
    let space = WIDTH.saturating_sub(label.chars().count() + value.chars().count() + 1);
    format!("{label}{}{value} ", " ".repeat(space))
}

fn short(number: f64) -> String {
    match number {
        millions if millions >= 1e6 => format!("{:.1}M", millions / 1e6),
        thousands if thousands >= 1e3 => format!("{:.1}K", thousands / 1e3),
        small => small.to_string(),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn numbers() {
        for (number, wanted) in [
            (0.0, "0"),
            (999.0, "999"),
            (1000.0, "1.0K"),
            (1234.0, "1.2K"),
            (2_500_000.0, "2.5M"),
        ] {
            assert_eq!(short(number), wanted);
        }
        for (number, wanted) in [(1, "1"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), wanted);
        }
    }
}
