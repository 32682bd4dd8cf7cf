package dev.regroup.formats.pytorch;

import dev.regroup.formats.pytorch.Value.Constant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Runs a pickle's program on data: what it cannot spell with the opcodes below and the names of
/// {@link KnownName} it cannot do.
///
/// Time is proportional to the program, of which each byte is taken once, and memory is bounded by
/// what {@link PickleBytes} may charge. Opcodes are those of protocols 2 to 5 that state dicts are
/// written with.
final class PickleMachine {
  private static final int NEWEST_PROTOCOL = 5;

  private final PickleBytes bytes;
  private final PickleStack stack;
  private final Calls calls;
  private final Map<Integer, Value> memo = new HashMap<>();

  private PickleMachine(PickleBytes bytes) {
    this.bytes = bytes;
    this.stack = new PickleStack(bytes);
    this.calls = new Calls(bytes);
  }

  /// What the program leaves on its stack.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where it does anything but describe
  ///   tensors
  static Value run(PickleBytes bytes) {
    return new PickleMachine(bytes).run();
  }

  private Value run() {
    if (bytes.unsignedByte() != 0x80) {
      throw bytes.wrong("expected a pickle of protocol 2 to 5, found none");
    }
    requireProtocol();
    while (true) {
      int opcode = bytes.unsignedByte();
      if (opcode == '.') {
        return finish();
      }
      step(opcode);
    }
  }

  private Value finish() {
    Value result = stack.pop();
    if (bytes.remaining() > 0) {
      throw bytes.wrong(
          "expected the end of the pickle, found %d bytes more".formatted(bytes.remaining()));
    }
    return result;
  }

  private void step(int opcode) {
    switch (opcode) {
      case 0x80 -> requireProtocol();
      case 0x95 -> bytes.skip(8); // FRAME: how much to read ahead
      case '(' -> stack.mark();
      case 'N' -> stack.push(Constant.NONE);
      case 0x88 -> stack.push(Constant.TRUE);
      case 0x89 -> stack.push(Constant.FALSE);
      case 'J' -> pushWhole(bytes.integer());
      case 'K' -> pushWhole(bytes.unsignedByte());
      case 'M' -> pushWhole(bytes.unsignedShort());
      case 0x8a -> pushWhole(bytes.signed(bytes.unsignedByte()));
      case 'G' -> push(24, new Value.Real(bytes.bigEndianDouble()));
      case 'X' -> pushText(Integer.toUnsignedLong(bytes.integer()));
      case 0x8c -> pushText(bytes.unsignedByte());
      case 0x8d -> pushText(bytes.longInteger());
      case ']' -> push(40, new Value.Sequence(new ArrayList<>(0)));
      case '}' -> push(80, Value.Dict.empty());
      case ')' -> stack.push(calls.emptyTuple());
      case 0x85 -> pushTuple(1);
      case 0x86 -> pushTuple(2);
      case 0x87 -> pushTuple(3);
      case 't' -> push(40, new Value.Tuple(stack.popToMark()));
      case 'a' -> append(List.of(stack.pop()));
      case 'e' -> append(stack.popToMark());
      case 's' -> setOne();
      case 'u' -> set(stack.popToMark());
      case 'q' -> remember(bytes.unsignedByte());
      case 'r' -> remember(bytes.integer());
      case 0x94 -> remember(memo.size());
      case 'h' -> stack.push(recall(bytes.unsignedByte()));
      case 'j' -> stack.push(recall(bytes.integer()));
      case 'c' -> pushName(bytes.line(), bytes.line());
      case 0x93 -> pushNameFromStack();
      case 'Q' -> push(64, calls.storage(stack.pop()));
      case 'R' -> reduce();
      case 'b' -> build();
      default -> throw unknown(opcode);
    }
  }

  private RuntimeException unknown(int opcode) {
    return bytes.wrong(
        "expected an instruction that state dicts are written with, found 0x%02x".formatted(opcode)
            + " -> if you trust the file, save its state dict as safetensors");
  }

  private void requireProtocol() {
    int protocol = bytes.unsignedByte();
    if (protocol < 2 || protocol > NEWEST_PROTOCOL) {
      throw bytes.wrong("expected a pickle of protocol 2 to 5, found protocol " + protocol);
    }
  }

  private void push(long memory, Value value) {
    bytes.charge(memory);
    stack.push(value);
  }

  private void pushWhole(long value) {
    push(24, new Value.Whole(value));
  }

  private void pushText(long length) {
    push(16, new Value.Text(bytes.text(length)));
  }

  private void pushTuple(int items) {
    Value[] values = new Value[items];
    for (int i = items - 1; i >= 0; i--) {
      values[i] = stack.pop();
    }
    push(56, new Value.Tuple(List.of(values)));
  }

  private void append(List<Value> items) {
    if (!(stack.peek() instanceof Value.Sequence list)) {
      throw bytes.wrong("expected a list to append to, found " + Value.kind(stack.peek()));
    }
    bytes.charge(2L * Long.BYTES * items.size());
    list.items().addAll(items);
  }

  private void setOne() {
    Value value = stack.pop();
    Value key = stack.pop();
    set(List.of(key, value));
  }

  private void set(List<Value> pairs) {
    if (!(stack.peek() instanceof Value.Dict dict) || pairs.size() % 2 != 0) {
      throw bytes.wrong("expected a dict and pairs to set, found " + Value.kind(stack.peek()));
    }
    bytes.charge(36L * pairs.size());
    for (int i = 0; i < pairs.size(); i += 2) {
      Object key =
          switch (pairs.get(i)) {
            case Value.Text text -> text.text();
            case Value.Whole whole -> whole.value();
            case Value other ->
                throw bytes.wrong(
                    "expected strings or integers as keys, found " + Value.kind(other));
          };
      if (dict.items().put(key, pairs.get(i + 1)) != null) {
        throw bytes.wrong("a dict has one key twice");
      }
    }
  }

  private void remember(int index) {
    if (index < 0) {
      throw bytes.wrong(
          "expected a memo index below 2^31, found " + Integer.toUnsignedString(index));
    }
    bytes.charge(64);
    memo.put(index, stack.peek());
  }

  private Value recall(int index) {
    Value value = memo.get(index);
    if (value == null) {
      throw bytes.wrong(
          "expected a value remembered as %s, found none"
              .formatted(Integer.toUnsignedString(index)));
    }
    return value;
  }

  private void pushName(String module, String name) {
    KnownName known =
        KnownName.find(module, name).orElseThrow(() -> bytes.unknownName(module, name));
    push(16, new Value.Name(known));
  }

  private void pushNameFromStack() {
    Value name = stack.pop();
    Value module = stack.pop();
    if (!(module instanceof Value.Text from && name instanceof Value.Text what)) {
      throw bytes.wrong(
          "expected a module and a name as strings, found %s and %s"
              .formatted(Value.kind(module), Value.kind(name)));
    }
    pushName(from.text(), what.text());
  }

  private void reduce() {
    Value arguments = stack.pop();
    Value function = stack.pop();
    push(96, calls.call(function, arguments));
  }

  // State dicts carry `_metadata` as an attribute; nothing of it concerns tensors.
  private void build() {
    Value state = stack.pop();
    if (!(stack.peek() instanceof Value.Dict && state instanceof Value.Dict)) {
      throw bytes.wrong(
          "expected attributes of a dict, found %s for %s"
              .formatted(Value.kind(state), Value.kind(stack.peek())));
    }
  }
}
