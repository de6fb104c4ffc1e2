"""The words that name secrets, persons and technical things: data for the key-name rules.

Names are compared in lower case and without accents, cut into words or joined without separators. The
words are English and those of the larger languages of the Union; another language is more words here.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SECRET_WORDS: Final = _words(
    """password passwords passwd passphrase passcode pwd secret secrets credential credentials cookie cookies
    authorization cvv cvc otp htpasswd passwort kennwort contrasena wachtwoord haslo losenord senha"""
)
"""Any of these in a name makes it a secret's, unless HARMLESS_LAST ends it."""
SECRET_LAST: Final = _words("auth bearer jwt pin sid jsessionid phpsessid sig")
"""Last words of a secret's name."""
SECRET_ENDINGS: Final = tuple(
    sorted(
        _words(
            """token secret password passwd apikey apikeys secretkey privatekey accesskey accountkey masterkey
            signingkey encryptionkey authkey sessionkey sshkey accesstokens refreshtokens apitokens authtokens
            codeverifier clientassertion connectionstring amzsignature motdepasse secretaccesskey"""
        )
    )
)
"""Endings of a secret's name, joined: `apiKey`, `api_key` and `apikey` are one."""
SECRET_OR_ID_ENDINGS: Final = ("pagetoken", "progresstoken", "sessionid")
"""Names of secrets in one protocol and of mere identifiers in another."""
HARMLESS_LAST: Final = _words(
    """type types policy length name names count at expiry expires expiration endpoint url uri arn version
    required enabled supported methods field fields server servers algorithm"""
)
"""Last words that make it a statement about a secret: `token_type`, `password_changed_at`."""

EMAIL_ENDINGS: Final = ("email", "emails", "emailaddress", "mailaddress", "replyto", "mailto")
PHONE_ENDINGS: Final = tuple(
    sorted(
        _words(
            """phone phones phonenumber phonenumbers phoneno telephone telephonenumber mobile mobilenumber msisdn
            faxnumber cellphone whatsapp telefon telefono telefone telefoon telefonnummer telefonnr rufnummer
            handynummer mobilnummer numerotelephone numtel telefoonnummer movil celular cellulare puhelin
            telefonszam"""
        )
    )
)
CARD_ENDINGS: Final = (
    *("cardnumber", "cardno", "cardnum", "creditcard", "debitcard", "ccnumber", "ccnum"),
    *("kreditkarte", "kartennummer", "cartebancaire", "tarjeta", "cartadicredito", "creditcardnr"),
)
IBAN_ENDINGS: Final = ("iban", "bankaccount")
UK_NINO_ENDINGS: Final = ("nino", "ninumber", "nationalinsurance", "insurancenumber", "insuranceno")
NATIONAL_ID_ENDINGS: Final = tuple(
    sorted(
        _words(
            """ssn socialsecuritynumber nationalid nationalidnumber nationalidno personalid passportnumber
            passportno taxid taxnumber nhsnumber nhsno
            drivinglicence driverslicense driverlicense nationalidentitynumber identitynumber personalidentitynumber
            steuerid steuernummer steueridentifikationsnummer sozialversicherungsnummer rentenversicherungsnummer
            numerosecu securitesociale codicefiscale documentoidentidad pesel numerpesel burgerservicenummer
            rijksregisternummer registrenational numeroregistrenational personnummer henkilotunnus ppsnumber ppsn
            rodnecislo codnumericpersonal numerocontribuinte contribuinte cprnummer cprnumber fodselsnummer
            svnummer bsnnummer nissnumber isikukood personalausweis reisepassnummer"""
        )
    )
)
NATIONAL_ID_NAMES: Final = _words(
    "idnr nir dni nie nif cf codfiscal bsn insz niss inss cpr hetu svnr cnp egn oib amka rrn nin ahv ahvnr avs nhs"
)
"""Whole names of identity numbers that are short words of other languages too: the value has to fit."""
PERSON_ENDINGS: Final = tuple(
    sorted(
        _words(
            """firstname lastname fullname surname familyname givenname middlename maidenname forename
            customername patientname employeename contactname cardholder cardholdername accountholder
            dateofbirth birthdate birthday bday placeofbirth birthplace nextofkin street streetaddress homeaddress
            postaladdress billingaddress shippingaddress mailingaddress deliveryaddress addressline postcode
            postalcode zipcode vorname nachname familienname geburtsname geburtsdatum geburtstag geburtsort strasse
            postleitzahl prenom nomdefamille datenaissance datedenaissance lieudenaissance nombrecompleto apellido
            apellidos fechanacimiento fechadenacimiento cognome datanascita datadinascita luogonascita voornaam
            achternaam geboortedatum geboorteplaats imie nazwisko dataurodzenia fornamn efternamn fodelsedatum
            sobrenome datanascimento datadenascimento foedselsdato fodselsdato fodselsdag syntymaaika sukunimi
            datumnarozeni prijmeni datanasterii numecomplet"""
        )
    )
)

PERSON_WORDS: Final = _words(
    """customer user person patient employee contact author owner member recipient sender applicant buyer
    guest passenger student beneficiary payer payee"""
)
"""Names of mappings that describe a person."""
THING_WORDS: Final = _words(
    """version description inputschema type path url uri sku price sha status conclusion title code schema
    size currency quantity stock model category arguments mimetype command language license"""
)
"""Names beside `name` that tell a thing from a person."""

TECHNICAL_LAST: Final = _words(
    """ts time timestamp ns ms us offset seq sequence trace span version sku size rows count bytes pos position
    index hash sha sha1 sha256 uuid etag latency duration build port pid ean isbn gtin lat lon lng latitude
    longitude cursor epoch nanos commit revision digest checksum length total limit page line lines at on date
    barcode"""
)
"""Last words of technical names: a whole value of a safe shape is left alone."""
NUMBERED: Final = _words(
    "trace span request order invoice ticket build job run event transaction shipment parcel tracking"
)
"""Things with a number: together with NUMBERING a technical name."""
NUMBERING: Final = _words("id number no ref")

SCHEMA_NAMES: Final = _words("properties patternProperties $defs definitions")
"""JSON Schema's mappings from names to schemas."""
SCHEMA_WORDS: Final = _words(
    """type title description format pattern minLength maxLength minimum maximum exclusiveMinimum
    exclusiveMaximum multipleOf items prefixItems minItems maxItems uniqueItems properties required
    additionalProperties $ref anyOf oneOf allOf not if then else deprecated readOnly writeOnly"""
)
"""What a JSON Schema says about data; its default, const, enum and examples are data."""

NO_VALUES: Final = _words(
    """string str int integer number bool boolean bytes object array list dict null none nil undefined true
    false yes no required optional missing invalid expired incorrect wrong empty unset hidden redacted masked
    withheld secret password token key basic bearer the a an your my our this that is are was not must should
    may can and or for to of in on at if when with without value name type default example any all new old
    current updated changed reset failed denied rejected accepted"""
)
"""Words after `password:` that are no password but a sentence, a type or program text."""
