package dev.regroup.formats.pytorch;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.zip.ZipDirectory;
import dev.regroup.formats.zip.ZipMember;
import dev.regroup.formats.zip.ZipUnpacker;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The members of a zip that `torch.save` wrote: all under one folder, which holds `data.pkl`.
///
/// @param members by name below that folder
/// @param bigEndian whether the machine that wrote it was
record TorchZip(OpenFile file, Map<String, ZipMember> members, boolean bigEndian) {
  private static final String PICKLE = "data.pkl";
  private static final String RESAVE =
      " -> load it with torch.load(weights_only=True) and save its state dict as safetensors";

  /// What `version` may say; PyTorch reads 1 to 10.
  private static final String VERSION = "([1-9]|10)\n?";

  TorchZip {
    members = Map.copyOf(members);
  }

  /// Lists and checks the members.
  ///
  /// @throws CheckpointException where it is none, or a TorchScript program
  static TorchZip open(OpenFile file) {
    List<ZipMember> all = ZipDirectory.read(file);
    String folder = folder(file, all);
    Map<String, ZipMember> members = new HashMap<>();
    for (ZipMember member : all) {
      if (!member.name().startsWith(folder)) {
        throw wrong(
            file,
            "expected every member below %s, found %s"
                .formatted(Quoted.of(folder), Quoted.of(member.name())));
      }
      members.put(member.name().substring(folder.length()), member);
    }
    refusePrograms(file, members);
    var zip = new TorchZip(file, members, isBigEndian(file, members.get("byteorder")));
    ZipMember version = members.get("version");
    if (version != null && !text(file, version).matches(VERSION)) {
      throw wrong(file, "expected format version 1 to 10, found " + Quoted.of(text(file, version)));
    }
    return zip;
  }

  /// Whether a zip is one that `torch.save` wrote, from the names of its members.
  static boolean isTorch(List<ZipMember> members) {
    return members.stream()
        .anyMatch(member -> isPickle(member) || member.name().endsWith("/constants.pkl"));
  }

  /// The pickle of the state dict.
  ///
  /// @param most bytes that are taken before it is refused
  byte[] pickle(long most) {
    ZipMember member = members.get(PICKLE);
    if (member == null) {
      throw wrong(file, "expected a data.pkl, found none");
    }
    return new ZipUnpacker(file).bytes(member, most);
  }

  /// The member that holds a storage.
  ///
  /// @throws CheckpointException where it is missing
  ZipMember storage(String key) {
    ZipMember member = members.get("data/" + key);
    if (member == null) {
      throw wrong(
          file,
          "expected storage %s, found no such member -> damaged: download it again"
              .formatted(Quoted.of("data/" + key)));
    }
    return member;
  }

  // The folder is named after the file when it was written, and files get renamed.
  private static String folder(OpenFile file, List<ZipMember> all) {
    List<ZipMember> pickles = all.stream().filter(TorchZip::isPickle).toList();
    if (pickles.size() == 1) {
      String name = pickles.getFirst().name();
      return name.substring(0, name.length() - PICKLE.length());
    }
    Optional<ZipMember> program = all.stream().filter(TorchZip::isProgram).findAny();
    throw wrong(
        file,
        program.isPresent() && pickles.isEmpty()
            ? torchScript(program.get())
            : "expected one folder with a data.pkl, found %d".formatted(pickles.size()));
  }

  private static boolean isPickle(ZipMember member) {
    int slash = member.name().indexOf('/');
    return slash > 0 && member.name().substring(slash + 1).equals(PICKLE);
  }

  private static boolean isProgram(ZipMember member) {
    return member.name().endsWith("/constants.pkl") || member.name().contains("/code/");
  }

  private static void refusePrograms(OpenFile file, Map<String, ZipMember> members) {
    for (ZipMember member : members.values()) {
      if (isProgram(member)) {
        throw wrong(file, torchScript(member));
      }
    }
  }

  private static String torchScript(ZipMember member) {
    return "expected a state dict, found a TorchScript program (%s)"
            .formatted(Quoted.of(member.name()))
        + " -> save the state_dict() of the model that it was made from as safetensors";
  }

  private static boolean isBigEndian(
      OpenFile file, @org.jspecify.annotations.Nullable ZipMember order) {
    if (order == null) {
      return false; // before PyTorch 2.1
    }
    String text = text(file, order);
    return switch (text) {
      case "little" -> false;
      case "big" -> true;
      default ->
          throw wrong(file, "byteorder: expected little or big, found " + Quoted.of(text) + RESAVE);
    };
  }

  private static String text(OpenFile file, ZipMember member) {
    return new String(new ZipUnpacker(file).bytes(member, 64), StandardCharsets.ISO_8859_1);
  }

  private static CheckpointException wrong(OpenFile file, String message) {
    return new CheckpointException(file.name() + ": " + message);
  }
}
