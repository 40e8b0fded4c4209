import { createSignal, createUniqueId, Show, splitProps, type JSX } from "solid-js";
import { t } from "../../i18n";
import { IconButton } from "./button";

interface Labelled {
  label: string;
  /** What is wrong with it. */
  error?: string | undefined;
  hint?: string | undefined;
}

interface FieldProps extends JSX.InputHTMLAttributes<HTMLInputElement>, Labelled {}

/** A line of text with its label above, and what is wrong with it below. Empty, it runs as the page. */
export function Field(props: FieldProps) {
  const [own, rest] = splitProps(props, ["label", "error", "hint", "type"]);
  const id = createUniqueId();
  const [plain, setPlain] = createSignal(false);
  const secret = () => own.type === "password";
  return (
    <Frame {...own} id={id}>
      <input
        {...rest}
        {...described(own, id)}
        type={secret() && plain() ? "text" : (own.type ?? "text")}
        dir={rest.dir ?? (rest.value ? "auto" : undefined)}
      />
      <Show when={secret()}>
        <IconButton
          icon={plain() ? "eyeOff" : "eye"}
          label={plain() ? t.shell.hideTyped : t.shell.showTyped}
          onClick={() => setPlain(!plain())}
        />
      </Show>
    </Frame>
  );
}

interface TextAreaProps extends JSX.TextareaHTMLAttributes<HTMLTextAreaElement>, Labelled {}

/** Several lines of it. */
export function TextArea(props: TextAreaProps) {
  const [own, rest] = splitProps(props, ["label", "error", "hint"]);
  const id = createUniqueId();
  return (
    <Frame {...own} id={id}>
      <textarea {...rest} {...described(own, id)} dir={rest.dir ?? (rest.value ? "auto" : undefined)} />
    </Frame>
  );
}

function described(props: Labelled, id: string) {
  return {
    id,
    get "aria-invalid"() {
      return props.error !== undefined;
    },
    get "aria-describedby"() {
      return (props.error ?? props.hint) ? `${id}-note` : undefined;
    },
  };
}

function Frame(props: Labelled & { id: string; children: JSX.Element }) {
  return (
    <div class="field" classList={{ wrong: props.error !== undefined }}>
      <label for={props.id}>{props.label}</label>
      <div class="field-box">{props.children}</div>
      <Show when={props.error ?? props.hint}>
        <p id={`${props.id}-note`} class="field-note" role={props.error ? "alert" : undefined}>
          {props.error ?? props.hint}
        </p>
      </Show>
    </div>
  );
}
