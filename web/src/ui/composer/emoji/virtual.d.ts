/** Made by the build: see `scripts/emoji.ts`. */
declare module "virtual:emoji/*" {
  const groups: string[];
  export default groups;
}
