const PAGES = /^\/(?:$|c\/|settings(?:\/|$))/;

/** The page shows it (`state/route.ts`). Any other address is the server's, also to refuse. */
export function isPage(path: string): boolean {
  return PAGES.test(path);
}
