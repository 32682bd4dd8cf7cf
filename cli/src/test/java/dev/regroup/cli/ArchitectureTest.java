package dev.regroup.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_THROW_GENERIC_EXCEPTIONS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/// The arrows between modules and rooms. This module sees all others, so the rules live here.
@AnalyzeClasses(packages = "dev.regroup", importOptions = DoNotIncludeTests.class)
final class ArchitectureTest {
  private static final String[] MODULES = {
    "formats", "runtime", "fixtures", "converters", "verify", "cli"
  };

  @ArchTest
  static void everyModuleWasSeen(JavaClasses classes) {
    for (String module : MODULES) {
      assertThat(classes.stream().filter(in(module))).as(module).hasSizeGreaterThan(9);
    }
    assertThat(classes.size()).isGreaterThan(250);
  }

  @ArchTest
  static void formatsUsesNoOtherModule(JavaClasses classes) {
    check(classes, "formats");
  }

  @ArchTest
  static void runtimeUsesFormats(JavaClasses classes) {
    check(classes, "runtime", "formats");
  }

  @ArchTest
  static void fixturesUseFormats(JavaClasses classes) {
    check(classes, "fixtures", "formats");
  }

  @ArchTest
  static void convertersUseRuntimeAndFormatsAndNeverVerify(JavaClasses classes) {
    check(classes, "converters", "runtime", "formats");
  }

  @ArchTest
  static void verifyUsesRuntimeAndFormatsAndNeverConverters(JavaClasses classes) {
    check(classes, "verify", "runtime", "formats");
  }

  @ArchTest
  static void packagesHaveNoCycles(JavaClasses classes) {
    slices().matching("dev.regroup.(**)").should().beFreeOfCycles().check(classes);
  }

  @ArchTest
  static void roomsNeverUseTheFrontDoor(JavaClasses classes) {
    for (String module : new String[] {"formats", "converters", "verify", "cli"}) {
      noClasses()
          .that()
          .resideInAPackage("dev.regroup." + module + ".*..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.regroup." + module)
          .check(classes);
    }
  }

  @ArchTest
  static void onlyVectorTwinsUseTheIncubatingModule(JavaClasses classes) {
    noClasses()
        .that()
        .haveNameNotMatching("dev\\.regroup\\.(\\w+\\.)*Vector\\w*(\\$.*)?")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jdk.incubator.vector..")
        .check(classes);
  }

  /// Linear algebra, cuBLAS beside our kernels, and the system calls that the JDK has no words for.
  private static final Set<String> NATIVE_ROOMS =
      Set.of(
          "dev.regroup.runtime.linalg", "dev.regroup.runtime.cuda", "dev.regroup.formats.system");

  @ArchTest
  static void fewRoomsCallNativeCode(JavaClasses classes) {
    Set<String> rooms = new TreeSet<>();
    for (JavaClass user : classes) {
      if (user.getDirectDependenciesFromSelf().stream()
          .anyMatch(to -> to.getTargetClass().getName().equals("java.lang.foreign.Linker"))) {
        rooms.add(user.getPackageName());
      }
    }
    assertThat(rooms).as("rooms that use java.lang.foreign.Linker").isSubsetOf(NATIVE_ROOMS);
  }

  @ArchTest
  static void onlyOneRoomKnowsJCuda(JavaClasses classes) {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.regroup.runtime.cuda")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jcuda..")
        .check(classes);
  }

  @ArchTest
  static void onlyTheVoiceSpeaksAndEndsTheProcess(JavaClasses classes) {
    noClasses()
        .that(resideInAPackage("dev.regroup..").and(not("dev.regroup.cli..")))
        .should(ACCESS_STANDARD_STREAMS)
        .orShould()
        .callMethod(System.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "halt", int.class)
        .check(classes);
  }

  @ArchTest
  static void nobodyThrowsAnExceptionThatSaysNothing(JavaClasses classes) {
    NO_CLASSES_SHOULD_THROW_GENERIC_EXCEPTIONS.check(classes);
  }

  @ArchTest
  static void classesAreNamedForWhatTheyAre(JavaClasses classes) {
    noClasses()
        .should()
        .haveSimpleNameEndingWith("Manager")
        .orShould()
        .haveSimpleNameEndingWith("Helper")
        .orShould()
        .haveSimpleNameEndingWith("Util")
        .orShould()
        .haveSimpleNameEndingWith("Utils")
        .orShould()
        .haveSimpleNameEndingWith("Impl")
        .check(classes);
  }

  /// A module may use itself and `allowed`, and of ours nothing else.
  private static void check(JavaClasses classes, String module, String... allowed) {
    String[] forbidden =
        Stream.of(MODULES)
            .filter(other -> !other.equals(module) && !Set.of(allowed).contains(other))
            .map(other -> "dev.regroup." + other + "..")
            .toArray(String[]::new);
    noClasses()
        .that()
        .resideInAPackage("dev.regroup." + module + "..")
        .should()
        .dependOnClassesThat(resideInAnyPackage(forbidden))
        .check(classes);
  }

  private static java.util.function.Predicate<JavaClass> in(String module) {
    return type -> type.getPackageName().startsWith("dev.regroup." + module);
  }

  private static com.tngtech.archunit.base.DescribedPredicate<JavaClass> not(String packages) {
    return com.tngtech.archunit.base.DescribedPredicate.not(resideInAPackage(packages));
  }
}
