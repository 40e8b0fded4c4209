import { createUniqueId, For, type JSX } from "solid-js";

interface ChoiceProps<T extends string> {
  label: string;
  options: readonly T[];
  name: (option: T) => string;
  value: T;
  onChange: (option: T) => void;
}

/** One of a few, side by side. */
export function Choice<T extends string>(props: ChoiceProps<T>) {
  const group = createUniqueId();
  return (
    <fieldset class="choice">
      <legend class="label">{props.label}</legend>
      <div class="choice-options">
        <For each={props.options}>
          {(option) => (
            <label class="choice-option">
              <input
                type="radio"
                name={group}
                checked={props.value === option}
                onChange={() => props.onChange(option)}
              />
              <span>{props.name(option)}</span>
            </label>
          )}
        </For>
      </div>
    </fieldset>
  );
}

interface SwitchProps {
  label: string;
  hint?: JSX.Element;
  checked: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
}

/** On or off, at once. */
export function Switch(props: SwitchProps) {
  const note = createUniqueId();
  return (
    <div class="switch-field">
      <label class="switch">
        <span>{props.label}</span>
        <input
          type="checkbox"
          role="switch"
          checked={props.checked}
          disabled={props.disabled}
          aria-describedby={note}
          onChange={(event) => {
            const on = event.currentTarget.checked;
            // It shows what is so, not what was wished: a browser may refuse.
            event.currentTarget.checked = props.checked;
            props.onChange(on);
          }}
        />
      </label>
      <p id={note} class="muted small">
        {props.hint}
      </p>
    </div>
  );
}
