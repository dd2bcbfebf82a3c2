//! The design system: what pages are made of. No server functions here, and no knowledge of any one page.
//!
//! Colours, sizes and spaces come from `style/tokens.css`; each component has its own file there under the same name.

mod button;
mod card;
mod code_editor;
mod confirm_dialog;
mod copy_button;
mod delete_dialog;
mod error_view;
mod fields;
mod flash;
mod form;
mod form_errors;
mod frame;
mod icon;
mod load;
pub mod log_view;
mod meta_list;
mod navigation;
mod note;
mod overwrite;
mod page_title;
mod status_pill;
pub mod step_tree;
mod table;
mod tabs;
mod theme_switch;
pub mod time;
mod user_menu;
mod viewer;

pub use button::{Button, ButtonKind, ButtonLink};
pub use card::Card;
pub use code_editor::{CodeEditor, select_line, toml};
pub use confirm_dialog::{ConfirmDialog, ConfirmLink};
pub use copy_button::{CopyButton, copy_text};
pub use delete_dialog::DeleteDialog;
pub use error_view::{ErrorView, PageStatus};
pub use fields::{
    CheckField, CheckList, Choice, Control, Field, PasswordField, RadioField, SelectField, TextAreaField, TextField,
};
pub use flash::Flash;
pub use form::{Form, FormContext};
pub use form_errors::FormErrors;
pub use frame::Frame;
pub use icon::{Glyph, Icon};
pub use load::Load;
pub use meta_list::{MetaItem, MetaList};
pub use navigation::Navigation;
pub use note::{Note, NoteTone};
pub use overwrite::Overwrite;
pub use page_title::{Crumb, PageTitle};
pub use status_pill::{StatusPill, Tone};
pub use table::{Cell, Column, Table};
pub use tabs::Tabs;
pub use theme_switch::ThemeSwitch;
pub use time::{Duration, RelativeTime, provide_clock, use_now};
pub use user_menu::UserMenu;
pub use viewer::{Theme, Viewer, ViewerContext, use_viewer};
