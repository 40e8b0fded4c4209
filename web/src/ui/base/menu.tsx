import { createSignal, For, onCleanup, onMount, Show, type JSX } from "solid-js";
import { Portal } from "solid-js/web";
import { IconButton } from "./button";
import { Icon, type IconName } from "./icons";
import { useLayer } from "./layers";
import { place, type Point } from "./place";

export interface MenuItem {
  label: string;
  icon?: IconName;
  act: () => void;
  danger?: boolean;
  /** A key that does the same. */
  keys?: string;
  /** One of several, of which one is chosen. */
  checked?: boolean;
  /** A line above it. */
  apart?: boolean;
}

interface OpenMenu {
  /** What it belongs to, or where the pointer was. */
  at: Element | Point;
  label: string;
  items: readonly MenuItem[];
  /** Shown above the items (a row of reactions, say). */
  head?: JSX.Element;
}

const [open, setOpen] = createSignal<OpenMenu>();

/** One menu at a time, wherever it was asked for: a button, a right click, a long press, a key. */
export function openMenu(menu: OpenMenu): void {
  setOpen(menu);
}

export function closeMenu(): void {
  setOpen(undefined);
}

/** Once in the page. */
export function MenuLayer() {
  return (
    <Show when={open()} keyed>
      {(menu) => <Menu menu={menu} />}
    </Show>
  );
}

function Menu(props: { menu: OpenMenu }) {
  useLayer(closeMenu);
  let box: HTMLDivElement | undefined;
  const items = () => [...(box?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
  const outside = (event: Event) => {
    if (event.target instanceof Node && !box?.contains(event.target)) closeMenu();
  };
  onMount(() => {
    if (box === undefined) return;
    place(box, props.menu.at);
    items()[0]?.focus({ preventScroll: true });
    // What opened it is still on its way: only what comes after it closes it.
    document.addEventListener("pointerdown", outside, true);
    addEventListener("resize", closeMenu);
  });
  onCleanup(() => {
    document.removeEventListener("pointerdown", outside, true);
    removeEventListener("resize", closeMenu);
  });
  return (
    <Portal>
      <div
        ref={box}
        class="menu"
        role="menu"
        aria-label={props.menu.label}
        onKeyDown={(event) => moveFocus(event, items())}
        onContextMenu={(event) => event.preventDefault()}
      >
        {props.menu.head}
        <For each={props.menu.items}>{(item) => <Item item={item} />}</For>
      </div>
    </Portal>
  );
}

function Item(props: { item: MenuItem }) {
  return (
    <button
      type="button"
      class="menu-item"
      classList={{ danger: props.item.danger === true, apart: props.item.apart === true }}
      role={props.item.checked === undefined ? "menuitem" : "menuitemradio"}
      aria-checked={props.item.checked}
      tabIndex={-1}
      onClick={() => {
        closeMenu();
        // After the focus has gone back: what is done may want to put it elsewhere.
        queueMicrotask(() => queueMicrotask(props.item.act));
      }}
      onPointerMove={(event) => event.currentTarget.focus({ preventScroll: true })}
    >
      <Show when={props.item.icon} fallback={<span class="icon" />}>
        {(icon) => <Icon name={icon()} />}
      </Show>
      <span class="menu-label">{props.item.label}</span>
      <Show when={props.item.checked}>
        <Icon name="check" small />
      </Show>
      <Show when={props.item.keys}>
        <kbd>{props.item.keys}</kbd>
      </Show>
    </button>
  );
}

/** Arrows, Home, End, and the first letters; Tab leaves, as from a field. */
function moveFocus(event: KeyboardEvent, items: HTMLElement[]): void {
  const now = items.findIndex((item) => item === document.activeElement);
  let next: HTMLElement | undefined;
  if (event.key === "ArrowDown") next = items[(now + 1) % items.length];
  else if (event.key === "ArrowUp") next = items.at(now <= 0 ? -1 : now - 1);
  else if (event.key === "Home") next = items[0];
  else if (event.key === "End") next = items.at(-1);
  else if (event.key === "Tab") {
    event.preventDefault();
    closeMenu();
    return;
  } else if ([...event.key].length === 1 && event.key !== " ") {
    const rest = [...items.slice(now + 1), ...items.slice(0, now + 1)];
    const letter = event.key.toLocaleLowerCase();
    next = rest.find((item) => item.textContent?.trim().toLocaleLowerCase().startsWith(letter));
  }
  if (next === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  next.focus();
}

/** A button that opens a menu under itself. */
export function MenuButton(props: {
  label: string;
  icon?: IconName;
  items: () => readonly MenuItem[];
}) {
  const [mine, setMine] = createSignal<OpenMenu>();
  return (
    <IconButton
      icon={props.icon ?? "more"}
      label={props.label}
      aria-haspopup="menu"
      aria-expanded={mine() !== undefined && open() === mine()}
      onClick={(event) => {
        const menu = { at: event.currentTarget, label: props.label, items: props.items() };
        setMine(menu);
        openMenu(menu);
      }}
    />
  );
}
