//! The hooks of plugins (reference `plugins.md` §4).

/// A moment at which plugins are asked, with an input that they read and an output that they change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// A message of the user, before it is stored.
    ChatMessage,
    /// Parameters of a request to a model.
    ChatParams,
    /// Headers of a request to a model.
    ChatHeaders,
    /// The system prompt of a request.
    SystemTransform,
    /// The conversation of a request.
    MessagesTransform,
    /// A command, before it becomes a prompt.
    CommandExecuteBefore,
    /// What a model is told of a tool.
    ToolDefinition,
    /// The arguments of a call, before its permission is asked for.
    ToolExecuteBefore,
    /// The result of a call that succeeded.
    ToolExecuteAfter,
    /// The environment of a command or terminal.
    ShellEnv,
    /// A text of an answer that is complete.
    TextComplete,
    /// The instructions for a summary.
    SessionCompacting,
    /// Whether the work goes on after a summary.
    CompactionAutocontinue,
    /// The model for titles and the like.
    SmallModel,
}

impl Hook {
    /// Its name in the plugin interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatMessage => "chat.message",
            Self::ChatParams => "chat.params",
            Self::ChatHeaders => "chat.headers",
            Self::SystemTransform => "experimental.chat.system.transform",
            Self::MessagesTransform => "experimental.chat.messages.transform",
            Self::CommandExecuteBefore => "command.execute.before",
            Self::ToolDefinition => "tool.definition",
            Self::ToolExecuteBefore => "tool.execute.before",
            Self::ToolExecuteAfter => "tool.execute.after",
            Self::ShellEnv => "shell.env",
            Self::TextComplete => "experimental.text.complete",
            Self::SessionCompacting => "experimental.session.compacting",
            Self::CompactionAutocontinue => "experimental.compaction.autocontinue",
            Self::SmallModel => "experimental.provider.small_model",
        }
    }
}
