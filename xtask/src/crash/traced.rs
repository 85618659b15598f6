//! A run of commands with all that they did to the disk.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::crash::Part;
use crate::crash::disk::Disk;
use crate::crash::feed::Recorder;
use crate::crash::site::{Answer, Site};
use crate::crash::trace::{self, Op};
use crate::error::Failure;

/// Bursts that each recorder of a run is fed with: enough that SQLite moves the WAL into the database in between.
const BURSTS: u64 = 60;

/// A site, what lay there before, and what was done since.
pub(super) struct Traced {
    pub(super) site: Site,
    pub(super) before: Disk,
    pub(super) ops: Vec<Op>,
    log: PathBuf,
}

impl Traced {
    /// The life of a vault from its beginning: every command that makes files, then recorders.
    pub(super) fn life(part: &mut Part) -> Result<Self, Failure> {
        let mut traced = Self::begin(part)?;
        let made = traced.run(&["init"])?;
        traced.site.take_key(&made);
        traced.run(&["record", "artifact", "report", "--file", "in/report"])?;
        traced.run(&["rune", "put", "in/decision", "--as-file"])?;
        traced.run(&["scroll", "append", "planner", "--event", "{\"n\":1}"])?;
        traced.run(&["scroll", "append", "planner", "--event", "{\"n\":2}", "--event", "{\"n\":3}"])?;
        let sealed = traced.run(&["seal", "create"])?.envelope();
        let seal = sealed.pointer("/result/seal_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        for _ in 0..2 {
            traced.run(&["anchor", "add", &seal, "--local"])?;
        }
        traced.put_unsynced("vault/loose", "log")?;
        traced.run(&["record", "artifact", "log", "--path", "loose/log"])?;
        traced.run(&["export", "-o", "out.vmb"])?;
        traced.run(&["head", "-o", "head.txt"])?;
        traced.run(&["trust", "show", "-o", "trust.toml"])?;
        for _ in 0..2 {
            let recorder = Recorder::start(&traced.site, &trace::recorder(&traced.log), BURSTS, part.random())?;
            traced.take(&["record"], recorder.finish()?)?;
        }
        Ok(traced)
    }

    fn begin(part: &Part) -> Result<Self, Failure> {
        let site = Site::empty(part.binary(), &part.dir().join("run"))?;
        for (name, data) in [("in/report", vec![7; 70_000]), ("in/decision", b"{\"format\":\"note\"}".to_vec())] {
            let path = site.dir().join(name);
            fs::write(&path, data).map_err(Failure::io(&path))?;
        }
        let before = Disk::read(site.dir())?;
        Ok(Self { site, before, ops: Vec::new(), log: part.dir().join("trace") })
    }

    fn run(&mut self, args: &[&str]) -> Result<Answer, Failure> {
        let answer = self.site.run_under(&trace::recorder(&self.log), args, None)?;
        self.take(args, answer)
    }

    fn take(&mut self, args: &[&str], answer: Answer) -> Result<Answer, Failure> {
        if answer.code != Some(0) {
            return Err(self.site.wrong(&format!("`{}` failed: {}", args.join(" "), answer.told())));
        }
        self.ops.extend(trace::read(&self.log, self.site.dir())?);
        Ok(answer)
    }

    /// A file that somebody else made and did not sync.
    fn put_unsynced(&mut self, folder: &str, name: &str) -> Result<(), Failure> {
        let (dir, data) = (self.site.dir().join(folder), b"ran".to_vec());
        fs::create_dir_all(&dir).and_then(|()| fs::write(dir.join(name), &data)).map_err(Failure::io(&dir))?;
        let path = Path::new(folder).join(name);
        self.ops.push(Op::Create { path: folder.into(), folder: true });
        self.ops.push(Op::Create { path: path.clone(), folder: false });
        self.ops.push(Op::Write { path, at: Some(0), data });
        Ok(())
    }
}
