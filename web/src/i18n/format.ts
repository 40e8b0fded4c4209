/** Numbers, dates, sizes and durations as the language writes them. All follow a switch. */

import { language, t } from ".";

const DAY_MS = 86_400_000;

const SHAPES = {
  time: { hour: "numeric", minute: "2-digit" },
  weekday: { weekday: "short" },
  weekdayLong: { weekday: "long" },
  day: { day: "numeric", month: "short" },
  dayLong: { day: "numeric", month: "long" },
  date: { day: "numeric", month: "numeric", year: "2-digit" },
  dateLong: { day: "numeric", month: "long", year: "numeric" },
  full: { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "numeric", minute: "2-digit" },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

const made = new Map<string, unknown>();

/** As they write in the person's own country, where that is told: 23:33 or 11:33 PM. */
function locale(): string {
  const base = language();
  return navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === base) ?? base;
}

/** Making one of them takes a hundred times as long as using it. */
function kept<T>(name: string, make: (locale: string) => T): T {
  const key = `${language()} ${name}`;
  const known = made.get(key);
  if (known !== undefined) return known as T;
  const formatter = make(locale());
  made.set(key, formatter);
  return formatter;
}

function date(shape: keyof typeof SHAPES, ms: number): string {
  return kept(shape, (l) => new Intl.DateTimeFormat(l, SHAPES[shape])).format(ms);
}

function startOfDay(ms: number): number {
  return new Date(ms).setHours(0, 0, 0, 0);
}

/** Days between two moments as a calendar counts them. */
function daysBetween(ms: number, nowMs: number): number {
  return Math.round((startOfDay(nowMs) - startOfDay(ms)) / DAY_MS);
}

function relative(value: number, unit: Intl.RelativeTimeFormatUnit): string {
  return kept("relative", (l) => new Intl.RelativeTimeFormat(l, { numeric: "auto", style: "short" })).format(value, unit);
}

export function formatNumber(n: number): string {
  return kept("number", (l) => new Intl.NumberFormat(l)).format(n);
}

export function formatTime(ms: number): string {
  return date("time", ms);
}

/** A date with its year. */
export function formatDate(ms: number): string {
  return date("dateLong", ms);
}

/** For a tooltip: nothing left out. */
export function formatFull(ms: number): string {
  return date("full", ms);
}

/** As short as a list needs: the time today, then the weekday, then the date. */
export function formatShort(ms: number, nowMs: number = Date.now()): string {
  const days = daysBetween(ms, nowMs);
  if (days <= 0) return date("time", ms);
  if (days < 7) return date("weekday", ms);
  return date(sameYear(ms, nowMs) ? "day" : "date", ms);
}

/** A heading between days: "today", "yesterday", a weekday, a date. */
export function formatDay(ms: number, nowMs: number = Date.now()): string {
  const days = daysBetween(ms, nowMs);
  if (days >= 0 && days < 2) return capitalized(relative(-days, "day"));
  if (days > 0 && days < 7) return date("weekdayLong", ms);
  return date(sameYear(ms, nowMs) ? "dayLong" : "dateLong", ms);
}

/** "just now", "5 min. ago", "3 hr. ago", "yesterday", a date: so short that it fits in the head of a chat. */
export function formatAgo(ms: number, nowMs: number = Date.now()): string {
  const minutes = Math.floor((nowMs - ms) / 60_000);
  if (minutes < 1) return t.shell.justNow;
  if (minutes < 60) return relative(-minutes, "minute");
  const days = daysBetween(ms, nowMs);
  if (days === 0) return relative(-Math.floor(minutes / 60), "hour");
  if (days < 7) return relative(-days, "day");
  return date(sameYear(ms, nowMs) ? "day" : "date", ms);
}

const SIZE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return kept(`size${unit}${value < 10}`, (l) => new Intl.NumberFormat(l, {
    style: "unit",
    unit: SIZE_UNITS[unit] ?? "byte",
    unitDisplay: unit === 0 ? "long" : "short",
    maximumFractionDigits: unit > 0 && value < 10 ? 1 : 0,
  })).format(value);
}

/** "1:05", "1:02:03". */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const two = kept("two", (l) => new Intl.NumberFormat(l, { minimumIntegerDigits: 2 }));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const tail = two.format(seconds % 60);
  if (hours === 0) return `${formatNumber(minutes)}:${tail}`;
  return `${formatNumber(hours)}:${two.format(minutes)}:${tail}`;
}

/** "Alice, Bob and Carol". */
export function formatList(parts: readonly string[]): string {
  return kept("list", (l) => new Intl.ListFormat(l, { type: "conjunction" })).format(parts);
}

/** Names in the order of the language's alphabet. */
export function compareNames(a: string, b: string): number {
  return kept("order", (l) => new Intl.Collator(l, { numeric: true, sensitivity: "base" })).compare(a, b);
}

function sameYear(ms: number, nowMs: number): boolean {
  return new Date(ms).getFullYear() === new Date(nowMs).getFullYear();
}

function capitalized(text: string): string {
  return text.charAt(0).toLocaleUpperCase(language()) + text.slice(1);
}
