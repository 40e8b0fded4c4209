import { createSignal } from "solid-js";
import { Refused } from "../../bridge/bridge";
import { t } from "../../i18n";
import { refusalText, refusedField } from "../../i18n/refusal";
import { call } from "../../state/bridge";
import { account, limit, myId } from "../../state/session";
import { told } from "../../state/toasts";
import { Button, Field, written } from "../base";
import { isUsername } from "../login/checks";
import { PictureEditor } from "../people/picture";

/** Name, user name, a few words, a picture. */
export function Profile() {
  const me = account();
  const [name, setName] = createSignal(me?.name ?? "");
  const [username, setUsername] = createSignal(me?.username ?? "");
  const [bio, setBio] = createSignal(me?.bio ?? "");
  const [wrong, setWrong] = createSignal<Record<string, string>>({});
  const [busy, setBusy] = createSignal(false);

  function check(): Record<string, string> {
    const least = limit("username_chars_min");
    const most = limit("username_chars_max");
    if (written(name()) === "") return { name: t.shell.wantsName };
    return isUsername(username().trim(), least, most) ? {} : { username: t.shell.usernameForm(least, most) };
  }

  async function save(event: SubmitEvent) {
    event.preventDefault();
    setWrong(check());
    if (Object.keys(wrong()).length > 0) return;
    setBusy(true);
    try {
      const wanted = { name: written(name()), bio: written(bio()) };
      await call("users.update_profile", wanted);
      if (username().trim() !== account()?.username) {
        await call("users.set_username", { username: username().trim() });
      }
      told(t.shell.saveDone);
    } catch (error) {
      setWrong({ [fieldOf(error)]: refusalText(error) });
    } finally {
      setBusy(false);
    }
  }

  return (
    <form class="stack" onSubmit={save} noValidate>
      <PictureEditor
        name={name()}
        ownerId={myId()}
        photo={account()?.photo}
        set={(media) => call("users.set_photo", { media })}
      />
      <Field
        label={t.shell.name}
        hint={t.shell.nameHint}
        error={wrong()["name"]}
        value={name()}
        onInput={(event) => setName(event.currentTarget.value)}
        maxLength={limit("name_chars_max")}
        autocomplete="name"
      />
      <Field
        label={t.shell.username}
        hint={t.shell.usernameHint(limit("username_chars_min"), limit("username_chars_max"))}
        error={wrong()["username"]}
        value={username()}
        onInput={(event) => setUsername(event.currentTarget.value)}
        maxLength={limit("username_chars_max")}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        dir="ltr"
      />
      <Field
        label={t.shell.bio}
        hint={t.shell.bioHint(limit("bio_chars_max"))}
        error={wrong()["bio"]}
        value={bio()}
        onInput={(event) => setBio(event.currentTarget.value)}
        maxLength={limit("bio_chars_max")}
        autocomplete="off"
      />
      <div class="row-of-buttons">
        <Button kind="primary" type="submit" busy={busy()}>
          {t.shell.save}
        </Button>
      </div>
    </form>
  );
}

function fieldOf(error: unknown): string {
  if (error instanceof Refused && error.code.startsWith("username")) return "username";
  return refusedField(error) ?? "bio";
}
