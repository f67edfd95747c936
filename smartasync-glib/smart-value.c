/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the library does with GValues: type 0 stands for null, numbers are
 * converted where nothing is lost, anything else is of the type or is not. */

#include "smart-value-private.h"

/* Scalars are copied as they are: no type system, no allocation. */
void
smart_value_copy (GValue *dest, const GValue *src)
{
  GType type = G_VALUE_TYPE (src);

  if (type <= G_TYPE_DOUBLE)
    {
      if (type == G_TYPE_INVALID || type == G_TYPE_NONE)
        memset (dest, 0, sizeof (GValue));
      else
        *dest = *src;
    }
  else
    {
      memset (dest, 0, sizeof (GValue));
      g_value_init (dest, type);
      g_value_copy (src, dest);
    }
}

/* A pointer takes one of a GValue's two slots: an owned one keeps in the other
 * how it is freed. A copy does not own it. */
void
smart_value_init_owned_pointer (GValue *value, gpointer pointer, GDestroyNotify destroy)
{
  g_value_init (value, G_TYPE_POINTER);
  g_value_set_pointer (value, pointer);
  value->data[1].v_pointer = (gpointer) destroy;
}

/* Whoever has copied the pointer owns it from now on. */
void
smart_value_disown_pointer (GValue *value)
{
  if (G_VALUE_TYPE (value) == G_TYPE_POINTER)
    g_atomic_pointer_set (&value->data[1].v_pointer, NULL);
}

void
smart_value_clear (GValue *value)
{
  GDestroyNotify destroy = NULL;
  gpointer pointer = NULL;

  if (G_VALUE_TYPE (value) <= G_TYPE_DOUBLE)
    {
      memset (value, 0, sizeof (GValue));
      return;
    }

  if (G_VALUE_TYPE (value) == G_TYPE_POINTER)
    {
      pointer = g_value_get_pointer (value);
      destroy = (GDestroyNotify) value->data[1].v_pointer;
    }
  g_value_unset (value);

  if (destroy != NULL && pointer != NULL)
    destroy (pointer);
}

/* What goes out to the user: always initialised, since a value without a type
 * would be a trap in every language. What was in @dest is cleared. */
static gboolean
put (GValue *dest, const GValue *src)
{
  if (G_VALUE_TYPE (dest) != G_TYPE_INVALID)
    g_value_unset (dest);

  if (G_VALUE_TYPE (src) != G_TYPE_INVALID)
    return TRUE;

  g_value_init (dest, G_TYPE_POINTER);
  return FALSE;
}

void
smart_value_put (GValue *dest, const GValue *src)
{
  if (put (dest, src))
    smart_value_copy (dest, src);
}

void
smart_value_put_moved (GValue *dest, GValue *src)
{
  if (put (dest, src))
    {
      smart_value_disown_pointer (src);
      *dest = *src;
      memset (src, 0, sizeof (GValue));
    }
}

/* GJS would lose the error of a call whose value it cannot convert. */
void
smart_value_put_failed (GValue *dest)
{
  if (dest == NULL)
    return;

  if (G_VALUE_TYPE (dest) != G_TYPE_INVALID)
    g_value_unset (dest);
  g_value_init (dest, G_TYPE_BOOLEAN);
}

/* Type 0 is null, for the types that know one. */
gboolean
smart_value_is_of_type (const GValue *value, GType type)
{
  if (G_VALUE_TYPE (value) != G_TYPE_INVALID)
    return g_type_is_a (G_VALUE_TYPE (value), type);

  switch (G_TYPE_FUNDAMENTAL (type))
    {
    case G_TYPE_NONE:
    case G_TYPE_STRING:
    case G_TYPE_POINTER:
    case G_TYPE_BOXED:
    case G_TYPE_OBJECT:
    case G_TYPE_INTERFACE:
    case G_TYPE_VARIANT:
      return TRUE;
    default:
      return FALSE;
    }
}

const char *
smart_value_type_name (const GValue *value)
{
  return G_VALUE_TYPE (value) != G_TYPE_INVALID ? G_VALUE_TYPE_NAME (value) : "null";
}

/* 2^53: beyond, a double does not hold every integer. */
#define MAX_EXACT (G_GINT64_CONSTANT (1) << 53)

/* A number that is an integer. A negative one: @as_unsigned is 0. One over
 * G_MAXINT64: @as_signed is -1. */
static gboolean
get_integer (const GValue *value, gint64 *as_signed, guint64 *as_unsigned)
{
  double number;

  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_CHAR:
      *as_signed = g_value_get_schar (value);
      break;
    case G_TYPE_UCHAR:
      *as_signed = g_value_get_uchar (value);
      break;
    case G_TYPE_INT:
      *as_signed = g_value_get_int (value);
      break;
    case G_TYPE_UINT:
      *as_signed = g_value_get_uint (value);
      break;
    case G_TYPE_ENUM:
      *as_signed = g_value_get_enum (value);
      break;
    case G_TYPE_FLAGS:
      *as_signed = g_value_get_flags (value);
      break;
    case G_TYPE_LONG:
      *as_signed = g_value_get_long (value);
      break;
    case G_TYPE_INT64:
      *as_signed = g_value_get_int64 (value);
      break;
    case G_TYPE_ULONG:
    case G_TYPE_UINT64:
      *as_unsigned =
          G_VALUE_HOLDS_ULONG (value) ? g_value_get_ulong (value) : g_value_get_uint64 (value);
      *as_signed = *as_unsigned <= G_MAXINT64 ? (gint64) *as_unsigned : -1;
      return TRUE;
    case G_TYPE_FLOAT:
    case G_TYPE_DOUBLE:
      number = G_VALUE_HOLDS_FLOAT (value) ? (double) g_value_get_float (value)
                                           : g_value_get_double (value);
      /* JavaScript has no other numbers. */
      if (!(number >= -(double) MAX_EXACT && number <= (double) MAX_EXACT) ||
          (double) (gint64) number != number)
        return FALSE;
      *as_signed = (gint64) number;
      break;
    default:
      return FALSE;
    }

  *as_unsigned = *as_signed >= 0 ? (guint64) *as_signed : 0;
  return TRUE;
}

static gboolean
convert_to_double (const GValue *value, GValue *converted)
{
  gint64 s = 0;
  guint64 u = 0;
  double number;

  if (G_VALUE_HOLDS_DOUBLE (value))
    number = g_value_get_double (value);
  else if (G_VALUE_HOLDS_FLOAT (value))
    number = (double) g_value_get_float (value);
  else if (get_integer (value, &s, &u) && (s >= 0 || u == 0) && s >= -MAX_EXACT && s <= MAX_EXACT)
    number = (double) s;
  else
    return FALSE;

  g_value_init (converted, G_TYPE_DOUBLE);
  g_value_set_double (converted, number);
  return TRUE;
}

/* Makes @converted the same number, of the number type @type, if that type can
 * hold it exactly. */
gboolean
smart_value_convert_number (const GValue *value, GType type, GValue *converted)
{
  gint64 s = 0;
  guint64 u = 0;
  gboolean fits_signed, fits_unsigned;

  if (G_LIKELY (G_VALUE_TYPE (value) == type))
    {
      *converted = *value;
      return TRUE;
    }

  memset (converted, 0, sizeof (GValue));

  if (type == G_TYPE_DOUBLE)
    return convert_to_double (value, converted);

  if (!get_integer (value, &s, &u))
    return FALSE;

  fits_signed = s >= 0 || u == 0;
  fits_unsigned = s >= 0 || u > 0;

  if (type == G_TYPE_INT && fits_signed && s >= G_MININT && s <= G_MAXINT)
    {
      g_value_init (converted, type);
      g_value_set_int (converted, (int) s);
      return TRUE;
    }
  if (type == G_TYPE_UINT && fits_unsigned && u <= G_MAXUINT)
    {
      g_value_init (converted, type);
      g_value_set_uint (converted, (guint) u);
      return TRUE;
    }
  if (type == G_TYPE_INT64 && fits_signed)
    {
      g_value_init (converted, type);
      g_value_set_int64 (converted, s);
      return TRUE;
    }
  if (type == G_TYPE_UINT64 && fits_unsigned)
    {
      g_value_init (converted, type);
      g_value_set_uint64 (converted, u);
      return TRUE;
    }

  return FALSE;
}
