import type { chat as english } from "../en/chat";
import { pluralOf } from "../plural";

const plural = pluralOf("ar");

const messages = (n: number) =>
  plural(n, { zero: "لا رسائل", one: "رسالة واحدة", two: "رسالتين", few: "# رسائل", many: "# رسالة", other: "# رسالة" });
const people = (n: number) =>
  plural(n, { zero: "لا أحد", one: "شخص واحد", two: "شخصين", few: "# أشخاص", many: "# شخصًا", other: "# شخص" });
const files = (n: number) =>
  plural(n, { zero: "لا ملفات", one: "ملف واحد", two: "ملفين", few: "# ملفات", many: "# ملفًا", other: "# ملف" });
const characters = (n: number) =>
  plural(n, { zero: "لا أحرف", one: "حرف واحد", two: "حرفان", few: "# أحرف", many: "# حرفًا", other: "# حرف" });

export const chat: typeof english = {
  messages: "الرسائل",
  message: "رسالة",
  send: "إرسال",
  attach: "إرفاق",
  you: "أنت",

  loading: "جارٍ تحميل الرسائل",
  loadFailed: "تعذّر تحميل الرسائل.",
  retry: "إعادة المحاولة",
  beginning: "هنا بداية المحادثة",
  empty: "لا شيء هنا بعد. اكتب أول رسالة.",
  unread: "رسائل غير مقروءة",
  toEnd: (unread) => (unread === 0 ? "إلى أحدث رسالة" : `إلى النهاية، الجديد: ${messages(unread)}`),
  backToPlace: "العودة إلى حيث كنت",
  moveInMessages: "التنقل بين الرسائل",

  edited: "معدّلة",
  progress: {
    waiting: "قيد الإرسال",
    failed: "لم تُرسل",
    sent: "أُرسلت",
    delivered: "وصلت",
    read: "قُرئت",
  },
  notSent: "لم يُرسل هذا.",
  discard: "تجاهل",
  deleted: (n) => (n === 1 ? "رسالة محذوفة" : `محذوف: ${messages(n)}`),
  unknownMessage: "نوع من الرسائل لا تعرفه هذه النسخة",
  quoteGone: "هذه الرسالة غير موجودة",
  forwardedFrom: "محوّلة من",
  kinds: { photo: "صورة", video: "فيديو", audio: "مقطع صوتي", voice: "رسالة صوتية", file: "ملف" },
  service: ({ who, whoIsMe, whom, whomIsMe, itself, title }) => {
    const subject = whoIsMe ? "أنت" : who;
    const object = whomIsMe ? "أنت" : whom;
    return {
      group_created: `${subject}: إنشاء المجموعة «${title}»`,
      member_added: itself ? `${subject}: انضمام إلى المجموعة` : `${subject}: إضافة ${object}`,
      member_removed: `${subject}: إزالة ${object}`,
      member_left: `${subject}: مغادرة المجموعة`,
      renamed: `${subject}: تسمية المجموعة «${title}»`,
      admin_added: `${subject}: تعيين ${object} في الإشراف`,
      admin_removed: `${subject}: سحب صلاحيات الإشراف من ${object}`,
      owner_changed: `${subject}: نقل الملكية إلى ${object}`,
      photo_changed: `${subject}: تغيير الصورة`,
      photo_removed: `${subject}: إزالة الصورة`,
    };
  },

  messageMenu: "قائمة الرسالة",
  reply: "رد",
  edit: "تعديل",
  copy: "نسخ النص",
  copied: "تم النسخ",
  forward: "إعادة توجيه",
  save: "حفظ",
  select: "تحديد",
  seenBy: "من شاهدها",
  delete: "حذف",
  deleteKey: "Del",
  spaceKey: "مسافة",
  deleteTitle: (n) => (n === 1 ? "حذف هذه الرسالة؟" : `حذف ${messages(n)}؟`),
  alsoForOthers: "لدى الآخرين أيضًا",
  deletedTold: (n) => (n === 1 ? "حُذفت الرسالة" : `تم حذف ${messages(n)}`),
  selected: (n) => plural(n, { other: "المحدد: #" }),
  endSelection: "إنهاء التحديد",
  readBy: (n) => `قرأها ${people(n)}`,
  deliveredTo: (n) => `وصلت إلى ${people(n)}`,
  notYet: (n) => `لم تصل بعد إلى ${people(n)}`,
  forwardTitle: (n) => `إعادة توجيه ${messages(n)}`,
  forwardedTo: (name) => `أُعيد التوجيه إلى ${name}`,
  openThere: "فتح",
  searchChats: "البحث في المحادثات",

  searchHere: "البحث في هذه المحادثة",
  foundAt: (at, of) => `${at} من ${of}`,
  olderFound: "نتيجة أقدم",
  newerFound: "نتيجة أحدث",
  chatMenu: "قائمة هذه المحادثة",
  groupInfo: "عن المجموعة",
  personInfo: "الملف الشخصي",
  toDate: "الانتقال إلى تاريخ",
  toBeginning: "إلى البداية",

  editing: "تعديل الرسالة",
  saveEdit: "حفظ",
  cancelEdit: "إلغاء التعديل",
  cancelReply: "إلغاء الرد",
  charactersLeft: (n) => (n < 0 ? `الزائد: ${characters(-n)}` : `الباقي: ${characters(n)}`),
  tooLongTitle: "هذا أطول من رسالة واحدة",
  tooLongText: (pieces, most) => `أقصى طول للرسالة: ${characters(most)}. يمكن إرسالها في ${messages(pieces)}.`,
  sendPieces: (n) => `إرسال ${messages(n)}`,
  emoji: "رموز تعبيرية",
  searchEmoji: "البحث عن رمز (بالإنجليزية)",
  emojiGroups: "أنواع الرموز",
  emojiGroupNames: [
    "وجوه",
    "أشخاص",
    "حيوانات وطبيعة",
    "طعام وشراب",
    "سفر وأماكن",
    "أنشطة",
    "أشياء",
    "علامات",
    "أعلام",
  ],
  recent: "المستخدمة مؤخرًا",
  noEmoji: "لم يُعثر على رمز",

  attachPictures: "صورة أو فيديو",
  attachCamera: "الكاميرا",
  attachFile: "ملف",
  attachTitle: (n) => (n < 2 ? "إرسال ملف" : `إرسال ${files(n)}`),
  sendAsFiles: (n) => (n < 2 ? "إرسال كملف دون تغيير" : "إرسال كملفات دون تغيير"),
  caption: "تعليق",
  removeFile: (name) => `إزالة ${name}`,
  fileEmpty: (name) => `${name} فارغ.`,
  fileTooLarge: (name, most) => `${name} كبير جدًا: الحد الأقصى ${most}.`,
  dropHere: "أفلِت الملفات هنا",
  download: (name) => `حفظ ${name}`,
  pauseSending: "إيقاف مؤقت",
  resume: "متابعة",
  uploaded: (percent) => `أُرسل ${percent}٪`,

  record: "تسجيل رسالة صوتية",
  recording: "جارٍ التسجيل",
  cancelRecording: "تجاهل التسجيل",
  recordingDropped: "تم تجاهل التسجيل",
  recordingKept: "حُفظ التسجيل في محادثته",
  keptRecording: (duration: string) => `تسجيل، ${duration}، لم يُرسل`,
  slideToCancel: "اسحب للتجاهل",
  cannotRecord: "لا يمكن لهذا المتصفح التسجيل هنا. يلزم عنوان آمن (https) وميكروفون.",
  recordingDenied: "لا يسمح هذا المتصفح للصفحة باستخدام الميكروفون.",

  player: "المشغّل",
  play: "تشغيل",
  playVoice: "تشغيل الرسالة الصوتية",
  pause: "إيقاف مؤقت",
  position: "الموضع",
  speed: (times) => `السرعة ${times}`,
  stopPlaying: "إيقاف التشغيل",
  viewer: "صورة",
  previous: "السابق",
  next: "التالي",
};
