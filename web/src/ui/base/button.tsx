import { Show, splitProps, type JSX } from "solid-js";
import { Icon, type IconName } from "./icons";
import { Spinner } from "./spinner";

type Native = JSX.ButtonHTMLAttributes<HTMLButtonElement>;

interface ButtonProps extends Native {
  kind?: "primary" | "plain" | "quiet" | "danger";
  icon?: IconName;
  /** Under way: it turns, and cannot be pressed twice. */
  busy?: boolean | undefined;
}

export function Button(props: ButtonProps) {
  const [own, rest] = splitProps(props, ["kind", "icon", "busy", "class", "children", "disabled"]);
  return (
    <button
      type="button"
      {...rest}
      class={`button ${own.kind ?? "plain"} ${own.class ?? ""}`}
      disabled={own.disabled || own.busy}
      aria-busy={own.busy}
    >
      <Show when={own.busy} fallback={<Show when={own.icon}>{(icon) => <Icon name={icon()} />}</Show>}>
        <Spinner />
      </Show>
      <span>{own.children}</span>
    </button>
  );
}

interface IconButtonProps extends Native {
  icon: IconName;
  /** What it does: its accessible name, and its tooltip. */
  label: string;
  /** A key that does the same, for the tooltip. */
  keys?: string | undefined;
  kind?: "plain" | "primary";
}

export function IconButton(props: IconButtonProps) {
  const [own, rest] = splitProps(props, ["icon", "label", "keys", "kind", "class"]);
  return (
    <button
      type="button"
      {...rest}
      class={`icon-button ${own.kind ?? "plain"} ${own.class ?? ""}`}
      aria-label={own.label}
      data-tip={own.keys === undefined ? own.label : `${own.label} (${own.keys})`}
    >
      <Icon name={own.icon} />
    </button>
  );
}
