package dev.regroup.cli;

import dev.regroup.converters.plan.Profile;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// In whose form a target is written.
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class ProfileOptions {
  @Option(
      names = "--profile",
      paramLabel = "PROFILE",
      converter = Named.class,
      completionCandidates = Names.class,
      description =
          "Whose tensor names and config to write: regroup (GTA, GLA), reference (the"
              + " published GLA code, two latents with a norm each), deepseek-v2 or deepseek-v3"
              + " (MLA). Default: regroup, and deepseek-v2 for MLA.")
  private @Nullable Profile profile;

  @Option(
      names = "--rope-theta",
      paramLabel = "N",
      description =
          "Base of the rotary table, for profiles with one table for all layers. Default: the best"
              + " for this model.")
  private @Nullable Double ropeTheta;

  Optional<Profile> profile() {
    return Optional.ofNullable(profile);
  }

  OptionalDouble ropeTheta() {
    return ropeTheta == null ? OptionalDouble.empty() : OptionalDouble.of(ropeTheta);
  }

  /// Profiles by their labels.
  private static final class Named implements ITypeConverter<Profile> {
    @Override
    public Profile convert(String label) {
      return Arrays.stream(Profile.values())
          .filter(profile -> profile.label().equals(label))
          .findFirst()
          .orElseThrow(
              () ->
                  new TypeConversionException(
                      "expected one of %s, found \"%s\"".formatted(names(), label)));
    }
  }

  /// The labels, for completion.
  private static final class Names implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return names().iterator();
    }
  }

  private static List<String> names() {
    return Arrays.stream(Profile.values()).map(Profile::label).toList();
  }
}
