//! The machine code of a program as `objdump` shows it: functions, and which of them each one leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::Outcome;

/// A place in the program.
type Address = u64;

/// One function.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// Readable, not always unique: a generic function has one body for each type.
    pub name: String,
    /// Functions whose address its code names: called, jumped to, or only loaded, which may be to call them later.
    pub leads_to: BTreeSet<Address>,
    /// Functions of libraries that it names.
    pub imports: BTreeSet<String>,
    /// Calls of an address that its code computes.
    pub indirect: usize,
    /// Calls of the system by their instruction.
    pub system_calls: usize,
}

/// A whole program.
#[derive(Debug, Default)]
pub struct Code {
    /// By their first instruction.
    pub functions: BTreeMap<Address, Function>,
}

/// What a slot in the program's data holds once it is loaded.
#[derive(Debug)]
enum Slot {
    Function(Address),
    Import(String),
}

impl Code {
    /// Takes `program` apart.
    ///
    /// # Errors
    /// `objdump` is not there or cannot read it.
    pub fn of(program: &Path) -> Outcome<Self> {
        let slots = slots(&objdump(program, &["-R"])?);
        Ok(Self::parse(&objdump(program, &["-d", "-C", "--no-show-raw-insn"])?, &slots))
    }

    fn parse(text: &str, slots: &BTreeMap<Address, Slot>) -> Self {
        let mut functions: BTreeMap<Address, Function> = BTreeMap::new();
        let mut open = None;
        for line in text.lines() {
            if let Some((address, name)) = head(line) {
                let entry = functions.entry(address).or_default();
                name.clone_into(&mut entry.name);
                open = Some(address);
            } else if let Some(function) = open.and_then(|address| functions.get_mut(&address)) {
                instruction(line, slots, function);
            }
        }
        // Addresses inside of a function are jumps and tables, and lead nowhere new.
        let heads: BTreeSet<Address> = functions.keys().copied().collect();
        for (address, function) in &mut functions {
            function.leads_to.retain(|to| to != address && heads.contains(to));
        }
        Self { functions }
    }
}

fn objdump(program: &Path, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new("objdump").args(arguments).arg(program).output();
    let output = output.map_err(|error| format!("objdump (Debian: binutils): {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }
}

/// The dynamic relocations: `OFFSET TYPE VALUE` lines.
fn slots(text: &str) -> BTreeMap<Address, Slot> {
    let slot = |line: &str| {
        let mut words = line.split_whitespace();
        let (offset, kind, value) = (hex(words.next()?)?, words.next()?, words.next()?);
        let slot = match kind {
            "R_X86_64_RELATIVE" => Slot::Function(hex(value.strip_prefix("*ABS*+0x")?)?),
            "R_X86_64_GLOB_DAT" | "R_X86_64_JUMP_SLOT" => {
                Slot::Import(value.split('@').next().unwrap_or(value).to_owned())
            }
            _ => return None,
        };
        Some((offset, slot))
    };
    text.lines().filter_map(slot).collect()
}

fn hex(text: &str) -> Option<Address> {
    Address::from_str_radix(text, 16).ok()
}

/// `0000000000040be0 <name>:`.
fn head(line: &str) -> Option<(Address, &str)> {
    let (address, rest) = line.split_once(" <")?;
    Some((hex(address)?, rest.strip_suffix(">:")?))
}

/// `40cf6: call 41000 <name>`, or with an operand in memory and its address behind a `#`.
fn instruction(line: &str, slots: &BTreeMap<Address, Slot>, function: &mut Function) {
    let Some((_, code)) = line.split_once(":\t") else { return };
    let (mnemonic, operands) = code.split_once(' ').unwrap_or((code, ""));
    let operands = operands.trim();
    function.system_calls += usize::from(mnemonic.trim() == "syscall");
    let jumps = mnemonic.starts_with("call") || mnemonic.starts_with('j');
    let referred = match operands.rsplit_once("# ") {
        Some((_, comment)) => comment.split_whitespace().next().and_then(hex),
        None if jumps => operands.split_whitespace().next().and_then(hex),
        None => None,
    };
    let Some(address) = referred else {
        function.indirect += usize::from(mnemonic.starts_with("call") && operands.starts_with('*'));
        return;
    };
    match slots.get(&address) {
        Some(Slot::Import(name)) => {
            function.imports.insert(name.clone());
        }
        Some(Slot::Function(held)) => {
            function.leads_to.insert(*held);
        }
        None => {
            function.leads_to.insert(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELOCATIONS: &str = "\
OFFSET           TYPE              VALUE
000000000018f180 R_X86_64_GLOB_DAT  memset@GLIBC_2.2.5
00000000001885d8 R_X86_64_RELATIVE  *ABS*+0x0000000000000030
";
    const LISTING: &str = "\
0000000000000010 <a>:
      10:	push   %rbp
      11:	je     18 <a+0x8>
      14:	call   20 <b>
      18:	call   *0x14e48d(%rip)        # 18f180 <memset@GLIBC_2.2.5>
      1c:	call   *%rbx
0000000000000020 <b>:
      20:	mov    0x10(%rip),%rax        # 1885d8 <_GLOBAL_+0x8>
      24:	jmp    40 <d>
0000000000000030 <c>:
      30:	lea    0x10(%rip),%rax        # 40 <d>
      34:	ret
      35:	syscall
0000000000000040 <d>:
      40:	ret
";

    #[test]
    fn calls_jumps_loads_and_slots_are_followed() {
        let code = Code::parse(LISTING, &slots(RELOCATIONS));
        let leads = |from: u64| code.functions[&from].leads_to.iter().copied().collect::<Vec<_>>();
        assert_eq!(leads(0x10), [0x20]);
        assert_eq!(leads(0x20), [0x30, 0x40]);
        assert_eq!(leads(0x30), [0x40]);
        assert_eq!(code.functions[&0x10].imports.iter().collect::<Vec<_>>(), ["memset"]);
        assert_eq!((code.functions[&0x10].indirect, code.functions[&0x20].indirect), (1, 0));
        assert_eq!((code.functions[&0x10].system_calls, code.functions[&0x30].system_calls), (0, 1));
    }
}
