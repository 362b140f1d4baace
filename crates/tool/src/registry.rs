//! The tools that exist, by name, and which of them a model is told of (reference `tools.md` §1).

use std::sync::Arc;
use std::time::Duration;

use opencode_permission::rules;
use opencode_schema::permission::Rule;

use crate::contract::Tool;
use crate::{
    apply_patch, bash, batch, codesearch, durable, edit, glob, grep, invalid, job, list, lsp, multiedit,
    plan_exit, question, read, rm, skill, task, todoread, todowrite, webfetch, websearch, write,
};

/// What the tools of a place depend on.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How long a command may take when the call does not say.
    pub command_timeout: Option<Duration>,
    /// Whether somebody can be asked questions.
    pub may_ask: bool,
    /// Whether commands can go on in the background.
    pub background: bool,
    /// Whether tasks can.
    pub background_tasks: bool,
    /// Whether plans are kept in files, and whoever drives the program lets them be carried out.
    pub plan_files: bool,
    /// Whether models may ask language servers.
    pub with_languages: bool,
    /// How the web is searched.
    pub search: websearch::Settings,
    /// Permissions that configuration names. Tools that the reference does not have are there only when they are
    /// among them.
    pub named: Vec<String>,
}

impl Settings {
    /// Whether a tool is the same under these settings as under others.
    fn make_the_same(&self, tool: &str, others: &Self) -> bool {
        match tool {
            bash::NAME => {
                self.command_timeout == others.command_timeout && self.background == others.background
            }
            task::NAME => self.background_tasks == others.background_tasks,
            // The environment, which the others are made from, never changes.
            _ => true,
        }
    }
}

/// The tools that exist, in the order in which they are registered.
#[derive(Clone)]
pub struct Registry {
    tools: Vec<Arc<dyn Tool>>,
    /// Those that only agents see whose rules name them.
    on_request: Vec<String>,
    /// Models of every provider search the web.
    search_for_everybody: bool,
    /// Every model works with all of them.
    all_for_everybody: bool,
    settings: Settings,
}

impl Registry {
    /// The tools of the program.
    #[must_use]
    pub fn built_in(settings: Settings) -> Self {
        let kept = settings.clone();
        let bash = settings
            .command_timeout
            .map_or_else(bash::Bash::default, |timeout| bash::Bash { timeout });
        let search_for_everybody = settings.search.is_for_everybody();
        let mut tools: Vec<Arc<dyn Tool>> = vec![
            Arc::new(invalid::Invalid),
            Arc::new(question::Question),
            Arc::new(bash),
            Arc::new(read::Read),
            Arc::new(glob::Glob),
            Arc::new(grep::Grep),
            Arc::new(edit::Edit),
            Arc::new(write::Write),
            Arc::new(task::Task {
                background: settings.background_tasks,
            }),
            Arc::new(webfetch::Webfetch::default()),
            Arc::new(todowrite::Todowrite),
            Arc::new(websearch::Websearch::new(settings.search)),
            Arc::new(skill::Skill),
            Arc::new(apply_patch::ApplyPatch),
        ];
        if settings.with_languages {
            tools.push(Arc::new(lsp::Lsp));
        }
        if settings.background {
            tools.push(Arc::new(job::Job));
        }
        tools.retain(|tool| settings.may_ask || tool.name() != question::NAME);
        let mut registry = Self {
            tools,
            on_request: Vec::new(),
            search_for_everybody,
            all_for_everybody: false,
            settings: kept,
        };
        if settings.plan_files {
            registry.add(Arc::new(plan_exit::PlanExit));
        }
        for tool in on_request() {
            if settings.named.iter().any(|name| name == tool.name()) {
                registry.on_request.push(tool.name().to_owned());
                registry.add(tool);
            }
        }
        registry
    }

    /// The tools of the program as durable sessions offer them (reference `v2.md` §6). Their results are within
    /// the limits of results already; [`Output::metadata`](crate::Output) is what is `structured` there.
    #[must_use]
    pub fn durable(settings: Settings) -> Self {
        let tools = durable::tools(settings.clone());
        let wanted = tools.iter().filter(|tool| tool.name() == task::NAME);
        Self {
            on_request: wanted.map(|tool| tool.name().to_owned()).collect(),
            tools,
            search_for_everybody: true,
            all_for_everybody: true,
            settings,
        }
    }

    /// Lets tools that are as they were before stay registered, so that whoever knows one can tell whether it still
    /// is ([`Registry::holds`]).
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        for tool in &mut self.tools {
            let is_same = self.settings.make_the_same(tool.name(), &before.settings);
            if let Some(known) = before.get(tool.name()).filter(|_| is_same) {
                *tool = Arc::clone(known);
            }
        }
        self
    }

    /// Whether this very tool is registered: neither taken away since, nor registered anew.
    #[must_use]
    pub fn holds(&self, tool: &Arc<dyn Tool>) -> bool {
        self.get(tool.name())
            .is_some_and(|known| Arc::ptr_eq(known, tool))
    }

    /// Adds a tool behind all others. One that has its name already gives way to it.
    pub fn add(&mut self, tool: Arc<dyn Tool>) {
        self.tools.retain(|other| other.name() != tool.name());
        self.tools.push(tool);
    }

    /// With tools that take the places of their namesakes.
    #[must_use]
    pub fn replacing(&self, others: &[Arc<dyn Tool>]) -> Self {
        let mut all = self.clone();
        for tool in others {
            all.on_request.retain(|name| name != tool.name());
            all.add(Arc::clone(tool));
        }
        all
    }

    /// With tools behind all others that have names of their own.
    #[must_use]
    pub fn with(&self, others: &[Arc<dyn Tool>]) -> Self {
        let mut all = self.clone();
        all.tools.extend(others.iter().cloned());
        all
    }

    /// A tool by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.iter().find(|tool| tool.name() == name)
    }

    /// Names of all tools, also of those that no model is told of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(|tool| tool.name())
    }

    /// All tools that a model works with, also those that it is not told of.
    pub fn of_model(&self, audience: Audience<'_>) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools
            .iter()
            .filter(move |tool| self.works_with(audience, tool.name()))
    }

    /// The tools that a model is told of under these rules, by name; without a model or without rules, those of any.
    #[must_use]
    pub fn visible(&self, rules: &[&[Rule]], audience: Option<Audience<'_>>) -> Vec<&Arc<dyn Tool>> {
        let mut visible: Vec<_> = self
            .tools
            .iter()
            .filter(|tool| tool.name() != invalid::NAME)
            .filter(|tool| audience.is_none_or(|audience| self.works_with(audience, tool.name())))
            .filter(|tool| !rules::hides(tool.permission(), rules))
            .filter(|tool| rules.is_empty() || self.is_wanted(tool.name(), rules))
            .collect();
        visible.sort_by(|a, b| a.name().cmp(b.name()));
        visible
    }

    /// Whether rules want a tool that is shown only on request.
    fn is_wanted(&self, tool: &str, rules: &[&[Rule]]) -> bool {
        !self.on_request.iter().any(|name| name == tool)
            || (rules::names(tool, rules) && !rules::hides(tool, rules))
    }

    /// Whether a model works with a tool: it changes files by patches or by the other two, and searches the web
    /// where that is paid for or wanted.
    fn works_with(&self, audience: Audience<'_>, tool: &str) -> bool {
        if self.all_for_everybody {
            return true;
        }
        let id = audience.api_id;
        let patches = id.contains("gpt-") && !id.contains("oss") && !id.contains("gpt-4");
        match tool {
            apply_patch::NAME => patches,
            edit::NAME | write::NAME => !patches,
            websearch::NAME => {
                self.search_for_everybody || matches!(audience.provider_id, "opencode" | "opencode-go")
            }
            _ => true,
        }
    }
}

/// Tools that the reference does not have.
fn on_request() -> [Arc<dyn Tool>; 6] {
    [
        Arc::new(list::List),
        Arc::new(rm::Rm),
        Arc::new(multiedit::Multiedit),
        Arc::new(batch::Batch),
        Arc::new(codesearch::Codesearch),
        Arc::new(todoread::Todoread),
    ]
}

/// A model that tools are shown to.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// Its provider.
    pub provider_id: &'a str,
    /// The id under which its provider knows it.
    pub api_id: &'a str,
}

#[cfg(test)]
mod tests {
    use opencode_config::Environment;
    use pretty_assertions::assert_eq;

    use super::*;

    fn registry(variables: &[(&str, &str)]) -> Registry {
        let environment: Environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Registry::built_in(Settings {
            may_ask: true,
            search: websearch::Settings::of(&environment),
            ..Settings::default()
        })
    }

    #[test]
    fn order_of_registration() {
        assert_eq!(
            registry(&[]).names().collect::<Vec<_>>(),
            [
                "invalid",
                "question",
                "bash",
                "read",
                "glob",
                "grep",
                "edit",
                "write",
                "task",
                "webfetch",
                "todowrite",
                "websearch",
                "skill",
                "apply_patch"
            ]
        );
        let with_plans = Registry::built_in(Settings {
            plan_files: true,
            ..Settings::default()
        });
        assert_eq!(with_plans.names().last(), Some("plan_exit"));
        assert!(with_plans.get("question").is_none());
    }

    #[test]
    fn who_is_shown_what() {
        for (variables, provider_id, api_id, shown, hidden) in [
            (
                &[][..],
                "anthropic",
                "claude-x",
                &["edit", "write"][..],
                &["apply_patch", "websearch"][..],
            ),
            (&[], "openai", "gpt-5", &["apply_patch"], &["edit", "write"]),
            (&[], "openai", "gpt-4o", &["edit"], &["apply_patch"]),
            (&[], "groq", "openai/gpt-oss-120b", &["edit"], &["apply_patch"]),
            (&[], "opencode", "big", &["websearch"], &["invalid"]),
            (&[], "opencode-go", "big", &["websearch"], &[]),
            (
                &[("OPENCODE_ENABLE_EXA", "1")],
                "anthropic",
                "claude-x",
                &["websearch"],
                &[],
            ),
            (
                &[("OPENCODE_EXPERIMENTAL_PARALLEL", "true")],
                "x",
                "y",
                &["websearch"],
                &[],
            ),
            (
                &[("OPENCODE_WEBSEARCH_PROVIDER", "exa")],
                "x",
                "y",
                &[],
                &["websearch"],
            ),
        ] {
            let registry = registry(variables);
            let visible = registry.visible(&[], Some(Audience { provider_id, api_id }));
            let names: Vec<&str> = visible.iter().map(|tool| tool.name()).collect();
            for name in shown {
                assert!(
                    names.contains(name),
                    "{provider_id} {api_id}: {name} in {names:?}"
                );
            }
            for name in hidden {
                assert!(
                    !names.contains(name),
                    "{provider_id} {api_id}: {name} in {names:?}"
                );
            }
        }
    }

    #[test]
    fn what_the_reference_does_not_have_is_shown_when_it_is_named() {
        use opencode_schema::permission::Action::{Allow, Ask, Deny};
        let registry = |named: &[&str]| {
            Registry::built_in(Settings {
                named: named.iter().map(|name| (*name).to_owned()).collect(),
                ..Settings::default()
            })
        };
        let all = Rule::new("*", "*", Allow);
        for (about, named, rules, shown) in [
            ("nothing is named", &[][..], vec![all.clone()], &[][..]),
            (
                "a rule of the program",
                &[],
                vec![Rule::new("list", "*", Allow)],
                &[],
            ),
            ("a star names nothing", &["*"], vec![all.clone()], &[]),
            (
                "named for all",
                &["rm", "list"],
                vec![
                    all.clone(),
                    Rule::new("list", "*", Allow),
                    Rule::new("rm", "*", Ask),
                ],
                &["list", "rm"],
            ),
            ("named for another agent", &["rm"], vec![all.clone()], &[]),
            (
                "forbidden by name",
                &["rm"],
                vec![all, Rule::new("rm", "*", Deny)],
                &[],
            ),
            (
                "some of it allowed",
                &["rm"],
                vec![Rule::new("rm", "*", Deny), Rule::new("rm", "tmp/*", Allow)],
                &["rm"],
            ),
            (
                "no edits at all",
                &["rm", "multiedit", "todoread"],
                vec![
                    Rule::new("rm", "*", Allow),
                    Rule::new("multiedit", "*", Allow),
                    Rule::new("todoread", "*", Allow),
                    Rule::new("edit", "*", Deny),
                ],
                &["todoread"],
            ),
            (
                "everything forbidden later",
                &["batch"],
                vec![Rule::new("batch", "*", Allow), Rule::new("*", "*", Deny)],
                &[],
            ),
        ] {
            let registry = registry(named);
            let names: Vec<&str> = registry
                .visible(&[&rules], None)
                .iter()
                .map(|tool| tool.name())
                .filter(|name| on_request().iter().any(|tool| tool.name() == *name))
                .collect();
            assert_eq!(names, shown, "{about}");
        }
    }

    #[test]
    fn what_is_as_it_was_stays_registered() {
        let durable = |background| {
            Registry::durable(Settings {
                background,
                ..Settings::default()
            })
        };
        let before = durable(false);
        let same = durable(false).after(&before);
        let other = durable(true).after(&before);
        let without = durable(false).after(&other);
        for tool in &before.tools {
            assert!(same.holds(tool), "{}", tool.name());
            assert_eq!(other.holds(tool), tool.name() != bash::NAME, "{}", tool.name());
        }
        assert!(!before.holds(other.get("job").unwrap()), "it was not there");
        assert!(!without.holds(other.get("job").unwrap()), "it was taken away");
        assert!(!without.holds(other.get("bash").unwrap()));
    }

    #[test]
    fn an_added_tool_comes_last_and_takes_the_place_of_its_namesake() {
        let mut registry = registry(&[]);
        registry.add(Arc::new(glob::Glob));
        registry.add(Arc::new(list::List));
        let names: Vec<&str> = registry.names().collect();
        assert_eq!(&names[names.len() - 3..], ["apply_patch", "glob", "list"]);
        // Whoever adds a tool wants it to be seen.
        let rules = [Rule::new("*", "*", opencode_schema::permission::Action::Allow)];
        assert!(
            registry
                .visible(&[&rules], None)
                .iter()
                .any(|tool| tool.name() == "list")
        );
    }
}
