package h1

// chunkPosition is where a Chunked stands.
type chunkPosition uint8

const (
	atBodyFailure chunkPosition = iota // for good; also the zero entry of chunkSteps
	atSize                             // first digit of a chunk size
	inSize                             // further digits
	beforeSemi                         // white space before ";"
	beforeName                         // white space after ";"
	inExtName                          //
	beforeEqual                        // white space after an extension name
	beforeValue                        // white space after "="
	inExtValue                         // a token
	inQuoted                           // a quoted string
	inEscape                           // after "\" in a quoted string
	afterQuoted                        //
	atSizeLF                           // end of the chunk line
	inPayload                          //
	atPayloadCR                        //
	atPayloadLF                        //
	inTrailer                          // left to a scanner
	atBodyEnd
)

// chunkClass is what a chunk line distinguishes of octets.
type chunkClass uint8

const (
	classBad   chunkClass = iota
	classHex              // HEXDIG, also a tchar
	classToken            // other tchar
	classEqual
	classSemi
	classQuote
	classBackslash
	classSpace // SP, HTAB
	classText  // what else may stand in a quoted string
	classCR
	classLF
	chunkClassCount
)

var chunkClasses = classifyChunkOctets()

func classifyChunkOctets() (table [256]chunkClass) {
	for i := range table {
		switch c := byte(i); {
		case isOctet(c, hexOctet):
			table[i] = classHex
		case isOctet(c, tokenOctet):
			table[i] = classToken
		case isSpace(c):
			table[i] = classSpace
		case isOctet(c, valueOctet):
			table[i] = classText
		}
	}
	table['='] = classEqual
	table[';'] = classSemi
	table['"'] = classQuote
	table['\\'] = classBackslash
	table['\r'] = classCR
	table['\n'] = classLF
	return table
}

// chunkRow gives for each class the next position. A class that is not listed is a failure.
type chunkRow [chunkClassCount]chunkPosition

// chunkSteps is the grammar of chunk lines and of the line end after the payload, one row a position:
//
//	chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//
// White space must lead to a ";" or "=": at the end of the line it is no part of the grammar.
var chunkSteps = [inTrailer]chunkRow{
	atSize:     {classHex: inSize},
	inSize:     {classHex: inSize, classSpace: beforeSemi, classSemi: beforeName, classCR: atSizeLF},
	beforeSemi: {classSpace: beforeSemi, classSemi: beforeName},
	beforeName: {classSpace: beforeName, classHex: inExtName, classToken: inExtName},
	inExtName: {classHex: inExtName, classToken: inExtName, classSpace: beforeEqual, classEqual: beforeValue,
		classSemi: beforeName, classCR: atSizeLF},
	beforeEqual: {classSpace: beforeEqual, classEqual: beforeValue, classSemi: beforeName},
	beforeValue: {classSpace: beforeValue, classHex: inExtValue, classToken: inExtValue, classQuote: inQuoted},
	inExtValue:  {classHex: inExtValue, classToken: inExtValue, classSpace: beforeSemi, classSemi: beforeName, classCR: atSizeLF},
	inQuoted: {classHex: inQuoted, classToken: inQuoted, classEqual: inQuoted, classSemi: inQuoted,
		classSpace: inQuoted, classText: inQuoted, classQuote: afterQuoted, classBackslash: inEscape},
	inEscape: {classHex: inQuoted, classToken: inQuoted, classEqual: inQuoted, classSemi: inQuoted,
		classSpace: inQuoted, classText: inQuoted, classQuote: inQuoted, classBackslash: inQuoted},
	afterQuoted: {classSpace: beforeSemi, classSemi: beforeName, classCR: atSizeLF},
	atSizeLF:    {classLF: inPayload},
	atPayloadCR: {classCR: atPayloadLF},
	atPayloadLF: {classLF: atSize},
}
