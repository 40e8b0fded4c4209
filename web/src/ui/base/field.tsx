import { createSignal, createUniqueId, Show, splitProps, type JSX } from "solid-js";
import { t } from "../../i18n";
import { IconButton } from "./button";

interface FieldProps extends JSX.InputHTMLAttributes<HTMLInputElement> {
  label: string;
  /** What is wrong with it. */
  error?: string | undefined;
  hint?: string | undefined;
}

/** A line of text with its label above, and what is wrong with it below. */
export function Field(props: FieldProps) {
  const [own, rest] = splitProps(props, ["label", "error", "hint", "type"]);
  const id = createUniqueId();
  const [plain, setPlain] = createSignal(false);
  const secret = () => own.type === "password";
  return (
    <div class="field" classList={{ wrong: own.error !== undefined }}>
      <label for={id}>{own.label}</label>
      <div class="field-box">
        <input
          {...rest}
          id={id}
          type={secret() && plain() ? "text" : (own.type ?? "text")}
          dir={rest.dir ?? "auto"}
          aria-invalid={own.error !== undefined}
          aria-describedby={own.error ?? own.hint ? `${id}-note` : undefined}
        />
        <Show when={secret()}>
          <IconButton
            icon={plain() ? "eyeOff" : "eye"}
            label={plain() ? t.shell.hideTyped : t.shell.showTyped}
            aria-pressed={plain()}
            onClick={() => setPlain(!plain())}
          />
        </Show>
      </div>
      <Show when={own.error ?? own.hint}>
        <p id={`${id}-note`} class="field-note" role={own.error ? "alert" : undefined}>
          {own.error ?? own.hint}
        </p>
      </Show>
    </div>
  );
}
