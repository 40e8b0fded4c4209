import { createSignal } from "solid-js";
import { Refused } from "../../bridge/bridge";
import { t } from "../../i18n";
import { refusalText, refusedField } from "../../i18n/refusal";
import { call } from "../../state/bridge";
import { account, limit } from "../../state/session";
import { told } from "../../state/toasts";
import { Button, Field } from "../base";

/** Another password; whoever else is logged in has to know it then. */
export function Password() {
  const [before, setBefore] = createSignal("");
  const [after, setAfter] = createSignal("");
  const [wrong, setWrong] = createSignal<{ before?: string; after?: string }>({});
  const [busy, setBusy] = createSignal(false);

  function check() {
    const least = limit("password_chars_min");
    if (before() === "") return { before: t.shell.wantsPassword };
    return [...after()].length < least ? { after: t.shell.passwordShort(least) } : {};
  }

  async function change(event: SubmitEvent) {
    event.preventDefault();
    setWrong(check());
    if (Object.keys(wrong()).length > 0) return;
    setBusy(true);
    try {
      await call("auth.change_password", { old_password: before(), new_password: after() });
      setBefore("");
      setAfter("");
      told(t.shell.passwordChanged);
    } catch (error) {
      const old = error instanceof Refused && error.code === "wrong_credentials";
      const text = old ? t.shell.wrongPassword : refusalText(error);
      setWrong(old || refusedField(error) === "old_password" ? { before: text } : { after: text });
    } finally {
      setBusy(false);
    }
  }

  return (
    <form class="stack" onSubmit={change} noValidate>
      {/* For the browser's keeper of passwords: whose they are. */}
      <input type="text" autocomplete="username" value={account()?.username ?? ""} readOnly hidden />
      <Field
        type="password"
        label={t.shell.oldPassword}
        error={wrong().before}
        value={before()}
        onInput={(event) => setBefore(event.currentTarget.value)}
        autocomplete="current-password"
        maxLength={limit("password_chars_max")}
        dir="ltr"
      />
      <Field
        type="password"
        label={t.shell.newPassword}
        hint={t.shell.passwordHint(limit("password_chars_min"))}
        error={wrong().after}
        value={after()}
        onInput={(event) => setAfter(event.currentTarget.value)}
        autocomplete="new-password"
        maxLength={limit("password_chars_max")}
        dir="ltr"
      />
      <p class="muted small">{t.shell.passwordChangeHint}</p>
      <div class="row-of-buttons">
        <Button kind="primary" type="submit" busy={busy()}>
          {t.shell.changePassword}
        </Button>
      </div>
    </form>
  );
}
