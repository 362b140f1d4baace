//! The tools that exist, by name.

use std::sync::Arc;
use std::time::Duration;

use opencode_permission::rules;
use opencode_schema::permission::Rule;

use crate::contract::Tool;
use crate::{
    apply_patch, bash, edit, glob, grep, invalid, question, read, skill, task, todowrite, webfetch, write,
};

/// The tools that exist, in the order in which they are registered.
#[derive(Clone)]
pub struct Registry {
    tools: Vec<Arc<dyn Tool>>,
}

impl Registry {
    /// The tools of the program; that which asks the user only where somebody `may_ask`.
    #[must_use]
    pub fn built_in(command_timeout: Option<Duration>, may_ask: bool) -> Self {
        let bash = command_timeout.map_or_else(bash::Bash::default, |timeout| bash::Bash { timeout });
        let mut tools: Vec<Arc<dyn Tool>> = vec![
            Arc::new(invalid::Invalid),
            Arc::new(question::Question),
            Arc::new(bash),
            Arc::new(read::Read),
            Arc::new(glob::Glob),
            Arc::new(grep::Grep),
            Arc::new(edit::Edit),
            Arc::new(write::Write),
            Arc::new(task::Task),
            Arc::new(webfetch::Webfetch::default()),
            Arc::new(todowrite::Todowrite),
            Arc::new(skill::Skill),
            Arc::new(apply_patch::ApplyPatch),
        ];
        tools.retain(|tool| may_ask || tool.name() != question::NAME);
        Self { tools }
    }

    /// A tool by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.iter().find(|tool| tool.name() == name)
    }

    /// All tools, also those that no model is told of.
    #[must_use]
    pub fn all(&self) -> &[Arc<dyn Tool>] {
        &self.tools
    }

    /// Names of all tools, also of those that no model is told of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(|tool| tool.name())
    }

    /// The tools that a model is told of under these rules, by name; without a model, those of any.
    #[must_use]
    pub fn visible(&self, rules: &[&[Rule]], audience: Option<Audience<'_>>) -> Vec<&Arc<dyn Tool>> {
        let mut visible: Vec<_> = self
            .tools
            .iter()
            .filter(|tool| tool.name() != invalid::NAME)
            .filter(|tool| audience.is_none_or(|audience| audience.works_with(tool.name())))
            .filter(|tool| !rules::hides(tool.permission(), rules))
            .collect();
        visible.sort_by(|a, b| a.name().cmp(b.name()));
        visible
    }
}

/// A model that tools are shown to.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// The id under which its provider knows it.
    pub api_id: &'a str,
}

impl Audience<'_> {
    /// Whether the model works with a tool (reference `tools.md` §1): it changes files by patches or by the other
    /// two.
    #[must_use]
    pub fn works_with(self, tool: &str) -> bool {
        let id = self.api_id;
        let patches = id.contains("gpt-") && !id.contains("oss") && !id.contains("gpt-4");
        match tool {
            apply_patch::NAME => patches,
            edit::NAME | write::NAME => !patches,
            _ => true,
        }
    }
}
