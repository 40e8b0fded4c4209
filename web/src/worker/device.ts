import { LIMITS } from "../contract";

const BROWSERS = [
  ["Edg", "Edge"],
  ["OPR", "Opera"],
  ["Firefox", "Firefox"],
  ["Chrome", "Chrome"],
  ["Safari", "Safari"],
] as const;
const SYSTEMS = ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux"];

/** What this login is called in the list of sessions. */
export function device(agent = navigator.userAgent): string {
  const browser = BROWSERS.find(([sign]) => agent.includes(`${sign}/`))?.[1] ?? "Browser";
  const system = SYSTEMS.find((name) => agent.includes(name));
  return [browser, system].filter(Boolean).join(", ").slice(0, LIMITS.device_chars_max);
}
