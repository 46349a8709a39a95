/**
 * What one configuration may take. A few hundred characters can ask for more memory than any
 * machine has (`a=${b}${b}, b=${c}${c}, …`), and a file may come from somebody else; so everything
 * that can grow faster than its text, and every recursion, ends at one of these with a ConfigError.
 * docs/configuration.md lists them.
 */
export const limits = {
  /**
   * Objects and lists inside each other, each element of a path included, as written and as
   * resolved. Readers of the tree recurse.
   */
  nesting: 200,
  /** Files that include files. The reference implementation has the same. */
  includes: 50,
  /**
   * What includes bring in together: one a value, and one more for each that has to be copied
   * because it holds references. Files that include a file twice, which includes another twice, …
   */
  included: 500_000,
  /** `${` inside `${`, which is wrong anyway but has to be read to its end. */
  substitutionNesting: 20,
  /** Steps from reference to reference: each takes stack of ours. */
  references: 1_000,
  /**
   * References followed, and 20 more for each value of the whole. What turns out to be nothing is
   * looked up again and again: `a=${?b}${?b}, b=${?c}${?c}, …`.
   */
  followed: 500_000,
  /** Characters or items of one concatenation. */
  concatenation: 4_000_000,
  /**
   * Words (8 bytes, about) of the lists, objects and texts that resolving makes, and 20 more for
   * each value of the whole.
   */
  made: 8_000_000,
  /**
   * Values of the resolved whole when written out. References share what they refer to, readers do
   * not.
   */
  values: 8_000_000,
  /** Unresolved references reported at once. */
  problems: 100,
} as const;
