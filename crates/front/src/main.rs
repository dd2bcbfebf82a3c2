//! Makes the site folder that the console serves: what `cargo leptos build` does after the two cargo builds, without
//! having to install cargo-leptos and wasm-bindgen-cli.
//!
//! ```text
//! prt-front --wasm target/front/.../prt_console.wasm --style style/main.css --public public --out target/site-debug
//! ```
//!
//! writes `pkg/prt-console.js`, `pkg/prt-console_bg.wasm` and `pkg/prt-console.css` beside a copy of `public/`.
//! With `--wasm-opt` the wasm is made smaller, with `--release` every text file gets `.br` and `.gz` siblings.

mod compress;
mod style;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Parser;
use wasm_bindgen_cli_support::Bindgen;

#[derive(Parser)]
#[command(about = "Turn the console's wasm build into the site folder")]
struct Args {
    /// The wasm file that cargo built from the library
    #[arg(long)]
    wasm: PathBuf,
    /// The root style sheet; its `@import "file.css"` lines are replaced by the files, in order
    #[arg(long)]
    style: PathBuf,
    /// Folder of static files, copied to the root of the site
    #[arg(long)]
    public: PathBuf,
    /// The site folder; made anew
    #[arg(long)]
    out: PathBuf,
    /// Name of the .js, .wasm and .css file in `pkg/`
    #[arg(long, default_value = "prt-console")]
    name: String,
    /// Small instead of quick: nothing for debugging, and compressed copies
    #[arg(long)]
    release: bool,
    /// The program wasm-opt, to make the wasm smaller
    #[arg(long)]
    wasm_opt: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    // The new folder is finished before the old one goes: a console that is running never sees half of it.
    let new = args.out.with_extension("new");
    remove(&new)?;
    let pkg = new.join("pkg");
    fs::create_dir_all(&pkg).with_context(|| format!("making {}", pkg.display()))?;

    bindgen(&args, &pkg)?;
    let sheet = style::inline(&args.style)?;
    write(&pkg.join(format!("{}.css", args.name)), sheet.as_bytes())?;
    if args.public.is_dir() {
        copy_tree(&args.public, &new)?;
    }
    if let Some(program) = &args.wasm_opt {
        optimize(program, &pkg.join(format!("{}_bg.wasm", args.name)))?;
    }
    if args.release {
        compress::tree(&new)?;
    }

    remove(&args.out)?;
    fs::rename(&new, &args.out).with_context(|| format!("moving the site to {}", args.out.display()))?;
    Ok(())
}

fn bindgen(args: &Args, pkg: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(&args.wasm)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        .out_name(&args.name)
        // Function names make a debug build readable in the browser and a release build 40% larger.
        .remove_name_section(args.release)
        .remove_producers_section(args.release)
        .generate(pkg)
        .with_context(|| format!("wasm-bindgen on {}", args.wasm.display()))
}

/// Halves the wasm.
fn optimize(program: &Path, wasm: &Path) -> Result<()> {
    let small = wasm.with_extension("opt");
    // What rustc 1.82 and later emits for wasm32-unknown-unknown by default.
    let features = [
        "--enable-bulk-memory",
        "--enable-mutable-globals",
        "--enable-multivalue",
        "--enable-nontrapping-float-to-int",
        "--enable-reference-types",
        "--enable-sign-ext",
    ];
    let status = Command::new(program)
        .arg("-Oz")
        .args(features)
        .arg(wasm)
        .arg("-o")
        .arg(&small)
        .status()
        .with_context(|| format!("starting {}", program.display()))?;
    if !status.success() {
        bail!("{} failed ({status}) on {}", program.display(), wasm.display());
    }
    fs::rename(&small, wasm).with_context(|| format!("replacing {}", wasm.display()))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("copying {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn verify_cli() {
        Args::command().debug_assert();
    }

    #[test]
    fn copies_folders_with_their_files() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("public");
        fs::create_dir_all(from.join("icons")).unwrap();
        fs::write(from.join("icons/logo.svg"), "<svg/>").unwrap();
        copy_tree(&from, &dir.path().join("site")).unwrap();
        assert_eq!(
            fs::read_to_string(dir.path().join("site/icons/logo.svg")).unwrap(),
            "<svg/>"
        );
    }
}
