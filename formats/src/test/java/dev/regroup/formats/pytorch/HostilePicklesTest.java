package dev.regroup.formats.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.Bounds;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.zip.HandZip;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Pickles that attack or mislead their reader: each is refused with one line, and none runs.
final class HostilePicklesTest {
  /// Programs and what is said of them.
  private static final Map<String, Hostile> PROGRAMS = new LinkedHashMap<>();

  @TempDir Path folder;

  /// @param program without its end
  private record Hostile(Pickled program, String message) {}

  static {
    bad("elements beyond the storage", view(4, 2, "3", "1"), "reaches beyond storage \"0\"");
    bad("strides beyond the storage", view(4, 0, "2,2", "3,1"), "reaches beyond storage \"0\"");
    bad("an overflowing stride", view(4, 0, "3", "9223372036854775807"), "reaches beyond");
    bad("an overflowing shape", view(4, 0, "4294967296,4294967296", "0,0"), "reaches beyond");
    bad("a bomb of stride 0", view(4, 0, "1099511627776", "0"), "four times the file's");
    bad("a storage shorter than promised", view(5, 0, "4", "1"), "to have 20 bytes, found 16");
    bad("a storage longer than promised", view(3, 0, "3", "1"), "to have 12 bytes, found 16");
    bad("a negative storage", view(-1, 0, "1", "1"), "expected a storage's type, key");
    bad("a negative offset", view(4, -1, "1", "1"), "expected a tensor's offset from 0 on");
    bad("a negative extent", view(4, 0, "-1", "1"), "as integers from 0 on, found -1");
    bad("a negative stride", view(4, 3, "2", "-1"), "as integers from 0 on, found -1");
    bad("more strides than extents", view(4, 0, "2", "1,1"), "found 2 and 1");
    bad("a missing storage", named("7"), "expected storage \"data/7\", found no such member");
    bad("a storage outside", named("../../etc/passwd"), "found no such member");
    bad("an integer of 255 bytes", program().op("\u008a\u00ff"), "at most 64 bits, found one of");
    bad("a stack underflow", program().op("0"), "found 0x30");
    bad("an empty stack", program(), "expected a value on the stack, found none");
    bad("a tuple of nothing", program().op("\u0085"), "expected a value on the stack");
    bad("values below a mark", program().op("N(\u0085"), "expected a value on the stack");
    bad("no mark", program().op("Nt"), "expected a mark on the stack");
    bad("an unknown memo", program().op("h\005"), "remembered as 5, found none");
    bad("a memo of -1", program().op("Nr\u00ff\u00ff\u00ff\u00ff"), "found 4294967295");
    bad("text of 4 GiB", program().op("X\u00ff\u00ff\u00ff\u00ff"), "found it to have 4294967295");
    bad("text of 2^64", program().op("\u008d" + "\u00ff".repeat(8)), "18446744073709551615");
    bad("text that is not UTF-8", program().op("X\001\000\000\000\u00ff"), "text in UTF-8");
    bad("a key twice", program().op("}").text("a").op("Ns").text("a").op("Ns"), "one key twice");
    bad("a key that is a dict", program().op("}}Ns"), "as keys, found a dict");
    bad("half a pair", program().op("}(Nu"), "expected a dict and pairs");
    bad("setting in a tuple", program().op(")NNs"), "expected a dict and pairs");
    bad("appending to a dict", program().op("}Na"), "expected a list to append to");
    bad("attributes of a list", program().op("]}b"), "expected attributes of a dict");
    bad("calling a string", program().text("os").op(")R"), "a known function, found one of");
    bad("calling with a list", ordered().op("]R"), "a known function, found one of");
    bad(
        "calling a storage",
        program().name("torch", "FloatStorage").op(")R"),
        "call of a function");
    bad("calling a dtype", program().name("torch", "float32").op(")R"), "call of a function");
    bad("too many arguments", ordered().op("N\u0085R"), "0 to 0 arguments, found 1");
    bad("a parameter of a string", parameter(program()), "expected a tensor, found a string");
    bad("a storage of no id", program().op("NQ"), "found None");
    bad("names that are no strings", program().op("NN\u0093"), "as strings, found None and None");
    bad("only a name", program().name("torch", "Size"), "expected a state dict, found torch.Size");
    bad("no tensors", program().op("}"), "expected tensors by name, found none");
    bad("a dict in itself", program().op("}q\000").text("a").op("h\000s"), "found none (\"a\")");
    bad("INST", program().op("(ios\nsystem\n"), "found 0x69");
    bad("OBJ", program().op("(No"), "found 0x6f");
    bad("NEWOBJ", program().op("N)\u0081"), "found 0x81");
    bad("NEWOBJ_EX", program().op("N)}\u0092"), "found 0x92");
    bad("an extension", program().op("\u0082\001"), "found 0x82");
    bad("a persistent id in text", program().op("P0\n"), "found 0x50");
    bad("an out-of-band buffer", program().op("\u0097"), "found 0x97");
    bad("a byte array", program().op("\u0096" + "\000".repeat(8)), "found 0x96");
    bad("a big integer", program().op("\u008b\001\000\000\000\001"), "found 0x8b");
    bad("protocol 6", new Pickled().op("\u0080\006N"), "found protocol 6");
    bad("protocol 0", new Pickled().op("(dp0\n"), "expected a pickle of protocol 2 to 5");
    bad("two pickles", program().op("}.").op("\u0080\002}"), "found 4 bytes more");
  }

  private static void bad(String name, Pickled program, String message) {
    PROGRAMS.put(name, new Hostile(program, message));
  }

  static Set<String> programs() {
    return PROGRAMS.keySet();
  }

  @ParameterizedTest
  @MethodSource("programs")
  void refusesPrograms(String name) throws IOException {
    Hostile hostile = Objects.requireNonNull(PROGRAMS.get(name));
    byte[] pickle = hostile.program().op(".").bytes();
    assertRefused(Pickled.file(pickle), hostile.message());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "os system",
        "posix system",
        "nt system",
        "os.path join",
        "asyncio.unix_events _UnixSubprocessTransport._start",
        "builtins eval",
        "builtins exec",
        "builtins getattr",
        "builtins compile",
        "builtins __import__",
        "__builtin__ eval",
        "subprocess Popen",
        "runpy _run_code",
        "socket create_connection",
        "sys exit",
        "webbrowser open",
        "pty spawn",
        "timeit timeit",
        "pip main",
        "importlib import_module",
        "operator attrgetter",
        "functools partial",
        "pickle loads",
        "torch load",
        "torch.serialization load",
        "torch.jit load",
        "torch.hub load",
        "numpy load",
        "numpy dtype",
        "numpy.core.multiarray scalar",
        "numpy.f2py.crackfortran getlincoef",
        "ctypes CDLL",
        "cProfile run",
        "doctest debug_script",
        "idlelib.pyshell ModifiedInterpreter.runcommand",
        "lib2to3.pgen2.grammar Grammar.loads",
        "logging FileHandler",
        "_io FileIO",
        "urllib.request urlopen",
        "uuid _get_command_stdout",
        "imaplib IMAP4_stream",
        "pydoc pipepager",
        "types CodeType",
        "cloudpickle.cloudpickle _make_function",
        "pkgutil resolve_name",
        "_aix_support _read_cmd_output",
        "_osx_support _read_output",
        "_pyrepl.pager pipe_pager",
        "test.support.script_helper assert_python_ok",
        "copy_reg _reconstructor",
        "copyreg _reconstructor",
        "argparse Namespace",
        "collections Counter",
        "torch._utils _rebuild_wrapper_subclass",
        "torch._utils _rebuild_qtensor",
        "torch._tensor _rebuild_from_type_v2",
        "torch.distributed.tensor DTensor",
        "torch system",
        "torch._utils __builtins__",
        "torch._utils._rebuild_tensor_v2 __globals__",
        "collections OrderedDict.fromkeys",
        "torch FloatStorage.from_file",
      })
  void runsNothingWhateverItsName(String name) throws IOException {
    Path canary = folder.resolve("canary");
    String module = name.substring(0, name.indexOf(' '));
    String function = name.substring(name.indexOf(' ') + 1);
    String message = "found \"%s.%s\", which was not run".formatted(module, function);
    String touch = "touch " + canary;
    byte[] old = program().name(module, function).text(touch).op("\u0085R.").bytes();
    assertRefused(Pickled.file(old), message);
    byte[] recent =
        new Pickled()
            .op("\u0080\004")
            .text(module)
            .op("\u0094")
            .text(function)
            .op("\u0094\u0093")
            .text(touch)
            .op("\u0085R.")
            .bytes();
    assertRefused(Pickled.file(recent), message);
    byte[] broken = program().name(module, function).text(touch).op("\u0085R\u00fe\u00fe").bytes();
    assertRefused(Pickled.file(broken), message);
    assertThat(canary).doesNotExist();
  }

  @Test
  void refusesAPickleCutAnywhere() throws IOException {
    byte[] whole = program().tensor("w", 4, 0, "4", "1").op(".").bytes();
    try (Checkpoint checkpoint = Checkpoints.open(write(Pickled.good()))) {
      assertThat(checkpoint.floats("w")).hasSize(4);
    }
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> Checkpoints.open(write(Pickled.file(cut))))
          .isInstanceOf(CheckpointException.class);
    }
  }

  @Test
  void bombsStayWithinBounds() throws IOException {
    StringBuilder laughs = new StringBuilder("Nq\000");
    for (int i = 0; i < 100_000; i++) {
      laughs.append("h\000h\000\u0086q\000"); // a tuple of the last one twice, remembered
    }
    assertBounded(program().op(laughs.toString()));
    assertBounded(program().op("}".repeat(400_000)));
    assertBounded(program().op("(".repeat(400_000)));
    assertBounded(program().op("]" + "N".repeat(300_000) + "e"));
    StringBuilder memo = new StringBuilder("N");
    for (int i = 0; i < 300_000; i++) {
      memo.append('r');
      for (int shift = 0; shift < 32; shift += 8) {
        memo.append((char) (((i * 7158) >> shift) & 0xff));
      }
    }
    assertBounded(program().op(memo.toString()));
  }

  @Test
  void refusesADataPklThatUnpacksToMoreThanAFileOfItsSizeNeeds() throws IOException {
    HandZip.Member pickle = HandZip.member("m/data.pkl", new byte[9]).deflated().size(64 << 20);
    byte[] bomb = new HandZip().add(pickle).bytes();
    Path file = write(bomb);
    Bounds.hold(bomb.length, () -> assertRefused(file, "member \"m/data.pkl\": expected at most"));
  }

  private void assertBounded(Pickled program) throws IOException {
    byte[] bytes = Pickled.file(program.op(".").bytes());
    Path file = write(bytes);
    Bounds.hold(
        bytes.length,
        () ->
            assertThatThrownBy(() -> Checkpoints.open(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageStartingWith(file + ": data.pkl"));
  }

  private void assertRefused(byte[] bytes, String message) throws IOException {
    assertRefused(write(bytes), message);
  }

  private static void assertRefused(Path file, String message) {
    assertThatThrownBy(() -> Checkpoints.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(message)
        .message()
        .doesNotContain("\n")
        .hasSizeLessThan(1000);
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("x.bin"), bytes);
  }

  private static Pickled program() {
    return Pickled.program();
  }

  private static Pickled view(long elements, long offset, String shape, String strides) {
    return program().tensor("w", elements, offset, shape, strides);
  }

  private static Pickled named(String key) {
    return program()
        .op("}")
        .text("w")
        .name("torch._utils", "_rebuild_tensor")
        .op("(")
        .storageId("torch.FloatStorage", key, 4)
        .whole(0)
        .extents("4")
        .extents("1")
        .op("tRs");
  }

  private static Pickled ordered() {
    return program().name("collections", "OrderedDict");
  }

  private static Pickled parameter(Pickled program) {
    return program.name("torch._utils", "_rebuild_parameter").op("(").text("w").op("NNtR");
  }
}
