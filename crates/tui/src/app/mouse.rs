//! What the mouse does (reference `tui.md` §8, Mouse).

use ratatui::layout::Position;

use super::{App, Route};
use crate::dialog::{self, Mouse, MouseKind};
use crate::prompt::Pointer;
use crate::transcript::scroll::Scroll;

impl App {
    /// Takes the mouse.
    pub(super) fn mouse(&mut self, mouse: Mouse) {
        if mouse.kind == MouseKind::Press {
            self.places.pressed = Some(mouse.at);
        }
        if !self.dialogs.is_empty() {
            return self.dialog_mouse(mouse);
        }
        if self.places.panel.contains(mouse.at) {
            if self.permission.is_some() {
                return self.permission_mouse(mouse);
            }
            return self.question_mouse(mouse);
        }
        if mouse.kind == MouseKind::Release && self.label(mouse.at) {
            return;
        }
        if self.route == Route::Diff {
            return self.viewer_mouse(mouse);
        }
        let pointer = match mouse.kind {
            MouseKind::Press => Some(Pointer::Press),
            MouseKind::Drag => Some(Pointer::Drag),
            MouseKind::Move => Some(Pointer::Move),
            MouseKind::Wheel(rows) => Some(Pointer::Wheel(i16::try_from(rows).unwrap_or(0))),
            _ => None,
        };
        let in_prompt = self.places.prompt.contains(mouse.at) || self.prompt.has_list();
        if let Some(pointer) = pointer.filter(|_| in_prompt && self.has_prompt())
            && self.prompt_mouse(pointer, mouse.at)
        {
            return;
        }
        if self.places.sidebar.contains(mouse.at) {
            return self.sidebar_mouse(mouse);
        }
        let in_prompt = self
            .places
            .pressed
            .is_some_and(|at| self.places.prompt.contains(at));
        if mouse.kind == MouseKind::Release && in_prompt {
            if self.settings.copies_on_select() {
                self.copy_from_prompt();
            }
            return;
        }
        self.transcript_mouse(mouse);
    }

    fn dialog_mouse(&mut self, mouse: Mouse) {
        let frame = self.places.dialog;
        let is_click = mouse.kind == MouseKind::Release;
        let began_outside = self.places.pressed.is_some_and(|at| !frame.contains(at));
        if is_click && (dialog::is_close(self, frame, mouse.at) || !frame.contains(mouse.at) && began_outside)
        {
            return self.close_dialog();
        }
        if frame.contains(mouse.at) {
            self.with_dialog(|app, dialog| dialog.mouse(app, mouse));
        }
    }

    /// Runs the command of a label.
    fn label(&mut self, at: Position) -> bool {
        // A selection that ends on a label is no click.
        let began = self.places.pressed.unwrap_or(at);
        let mut labels = self.places.labels.iter();
        let label = labels.find(|(place, _)| place.contains(at) && place.contains(began));
        match label.map(|(_, command)| *command) {
            Some(command) => {
                self.run(command);
                true
            }
            None => false,
        }
    }

    fn sidebar_mouse(&mut self, mouse: Mouse) {
        let Some(id) = self.session_id().cloned() else {
            return;
        };
        match mouse.kind {
            MouseKind::Wheel(rows) => {
                let view = self.view_of(&id);
                let by = u16::try_from(rows.unsigned_abs()).unwrap_or(1);
                view.sidebar_top = if rows < 0 {
                    view.sidebar_top.saturating_sub(by)
                } else {
                    view.sidebar_top.saturating_add(by)
                };
            }
            MouseKind::Release => {
                let fold = self.sidebar_folds.iter().find(|(y, _)| *y == mouse.at.y);
                if let Some((_, block)) = fold.copied() {
                    let folded = &mut self.view_of(&id).folded;
                    match folded.iter().position(|known| *known == block) {
                        Some(at) => {
                            folded.remove(at);
                        }
                        None => folded.push(block),
                    }
                }
            }
            _ => {}
        }
    }

    fn transcript_mouse(&mut self, mouse: Mouse) {
        let Some(id) = self.session_id().cloned() else {
            return;
        };
        let Position { x, y } = mouse.at;
        match mouse.kind {
            MouseKind::Wheel(rows) => {
                let rows = isize::try_from(rows).unwrap_or(0);
                self.scroll(&id, &Scroll::Lines(rows));
            }
            MouseKind::Press if self.places.transcript.contains(mouse.at) => {
                self.with_scene(&id, |transcript, scene| transcript.press(scene, x, y));
            }
            MouseKind::Drag => {
                self.with_scene(&id, |transcript, scene| transcript.drag(scene, x, y));
            }
            MouseKind::Move => {
                let target = self.target(&id, mouse.at);
                self.view_of(&id).transcript.hover(target);
            }
            MouseKind::Release => self.release(&id, mouse.at),
            MouseKind::Menu => self.copy_selection(&id),
            MouseKind::Press => {}
        }
    }

    /// A selection is copied; without one it was a click.
    fn release(&mut self, id: &opencode_schema::SessionId, at: Position) {
        if self.view_of(id).transcript.has_selection() {
            if self.settings.copies_on_select() {
                self.copy_selection(id);
            }
            return;
        }
        if let Some(target) = self.target(id, at) {
            self.click(id, &target);
        }
    }

    /// Copies what is selected, and selects nothing any more.
    pub(super) fn copy_selection(&mut self, id: &opencode_schema::SessionId) {
        let text = self.with_scene(id, |transcript, scene| {
            let text = transcript.selected(scene);
            transcript.clear_selection();
            text
        });
        if let Some(text) = text.flatten().filter(|text| !text.trim().is_empty()) {
            self.copy(text);
        }
    }
}
