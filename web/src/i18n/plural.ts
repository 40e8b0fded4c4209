type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** The form of a sentence that its number asks for in a language; `#` is where the number goes. */
export function pluralOf(language: string): (n: number, forms: Forms) => string {
  const rules = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  return (n, forms) => (forms[rules.select(n)] ?? forms.other).replace("#", numbers.format(n));
}
