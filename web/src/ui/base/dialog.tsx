import { createSignal, createUniqueId, onMount, Show, type JSX } from "solid-js";
import { Portal } from "solid-js/web";
import { t } from "../../i18n";
import { announce } from "../../state/announce";
import { Button, IconButton } from "./button";
import { useLayer } from "./layers";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: JSX.Element;
  /** What is done here, low where a thumb is. */
  footer?: JSX.Element;
  /** Beside the title. */
  actions?: JSX.Element;
  /** One question, not a whole page of its own. */
  small?: boolean;
  /** Leads back to another dialog: an arrow instead of a cross. */
  nested?: boolean;
  /** There is nothing to press in it: the keys scroll the whole. */
  toRead?: boolean;
}

/** Over the page, and over the whole page on a telephone. */
export function Dialog(props: DialogProps) {
  const title = createUniqueId();
  const top = useLayer(() => props.onClose());
  let box: HTMLElement | undefined;
  onMount(() => {
    const first = box?.querySelector<HTMLElement>("[autofocus]");
    (first ?? box)?.focus({ preventScroll: true });
    // Orca is silent when a button has the focus at once: where one was has gone from what it reads.
    if (first instanceof HTMLButtonElement) announce(props.title);
  });
  return (
    <Portal>
      <div
        class="scrim"
        inert={!top()}
        onPointerDown={(event) => event.target === event.currentTarget && props.onClose()}
      >
        <section
          ref={box}
          class="dialog"
          classList={{ brief: props.small === true }}
          role="dialog"
          aria-modal="true"
          aria-labelledby={title}
          tabIndex={-1}
        >
          <div class="bar dialog-bar">
            <Show when={!props.small}>
              <IconButton
                icon={props.nested ? "back" : "close"}
                label={props.nested ? t.shell.back : t.shell.close}
                onClick={() => props.onClose()}
              />
            </Show>
            <h2 id={title}>{props.title}</h2>
            {props.actions}
          </div>
          <div
            class="dialog-body"
            tabIndex={props.toRead ? 0 : undefined}
            role={props.toRead ? "group" : undefined}
            aria-labelledby={props.toRead ? title : undefined}
          >
            {props.children}
          </div>
          <Show when={props.footer}>
            <div class="dialog-footer">{props.footer}</div>
          </Show>
        </section>
      </div>
    </Portal>
  );
}

interface Question {
  title: string;
  text: string;
  action: string;
  danger?: boolean;
}

const [asked, setAsked] = createSignal<Question & { answer: (yes: boolean) => void }>();

/** Only for what cannot be undone. */
export function confirmed(question: Question): Promise<boolean> {
  asked()?.answer(false);
  return new Promise((resolve) => {
    setAsked({
      ...question,
      answer: (yes) => {
        setAsked(undefined);
        resolve(yes);
      },
    });
  });
}

/** Once in the page. */
export function ConfirmLayer() {
  return (
    <Show when={asked()} keyed>
      {(question) => (
        <Dialog
          small
          title={question.title}
          onClose={() => question.answer(false)}
          footer={
            <>
              <Button kind="quiet" autofocus onClick={() => question.answer(false)}>
                {t.shell.cancel}
              </Button>
              <Button
                kind={question.danger ? "danger" : "primary"}
                onClick={() => question.answer(true)}
              >
                {question.action}
              </Button>
            </>
          }
        >
          <p>{question.text}</p>
        </Dialog>
      )}
    </Show>
  );
}
